import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

/// An error that ends a command with an exit code other than 0. Its lines say what is wrong, where, and how to fix it.
struct CommandFailure: Error {
  var code: Int32
  var lines: [String]

  /// A failure with exit code 1: the command ran and found a problem.
  static func found(_ lines: String...) -> CommandFailure { CommandFailure(code: 1, lines: lines) }
  static func found(_ findings: [Finding]) -> CommandFailure { CommandFailure(code: 1, lines: findings.map(\.description)) }

  /// A failure with exit code 1, made from an error of Postgres.
  static func found(_ error: SinkError) -> CommandFailure {
    // A connection error without a SQLSTATE means that the server did not answer.
    let isAway = error.kind == .fault(.world) && error.sqlstate == nil
    let hint = error.hint ?? (isAway ? "start the server, or correct postgres.url" : nil)
    return found("postgres: \(error.description)\(hint.map { "; \($0)" } ?? "")")
  }

  /// A failure with exit code 2: the command line or the configuration is wrong.
  static func wrong(_ lines: String...) -> CommandFailure { CommandFailure(code: 2, lines: lines) }
  static func wrong(_ error: ConfigurationError) -> CommandFailure {
    CommandFailure(code: 2, lines: error.problems.map(\.description))
  }
}
