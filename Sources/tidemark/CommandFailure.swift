import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore

/// Why a command ends with another code than 0, in lines that say what, where and how to fix it.
struct CommandFailure: Error {
  var code: Int32
  var lines: [String]

  /// It ran and found a problem.
  static func found(_ lines: String...) -> CommandFailure { CommandFailure(code: 1, lines: lines) }
  static func found(_ findings: [Finding]) -> CommandFailure { CommandFailure(code: 1, lines: findings.map(\.description)) }

  /// Postgres did not do what a command asked.
  static func found(_ error: SinkError) -> CommandFailure {
    // Without a state it is the server that did not answer.
    let isAway = error.kind == .fault(.world) && error.sqlstate == nil
    let hint = error.hint ?? (isAway ? "start the server, or correct postgres.url" : nil)
    return found("postgres: \(error.description)\(hint.map { "; \($0)" } ?? "")")
  }

  /// The command line or the configuration is wrong.
  static func wrong(_ lines: String...) -> CommandFailure { CommandFailure(code: 2, lines: lines) }
  static func wrong(_ error: ConfigurationError) -> CommandFailure {
    CommandFailure(code: 2, lines: error.problems.map(\.description))
  }
}
