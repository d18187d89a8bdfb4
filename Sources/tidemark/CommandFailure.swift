import TidemarkAdmin
import TidemarkConfiguration

/// Why a command ends with another code than 0, in lines that say what, where and the mend.
struct CommandFailure: Error {
  var code: Int32
  var lines: [String]

  /// It ran and found a problem.
  static func found(_ lines: String...) -> CommandFailure { CommandFailure(code: 1, lines: lines) }
  static func found(_ findings: [Finding]) -> CommandFailure { CommandFailure(code: 1, lines: findings.map(\.description)) }

  /// The command line or the configuration is wrong.
  static func wrong(_ lines: String...) -> CommandFailure { CommandFailure(code: 2, lines: lines) }
  static func wrong(_ error: ConfigurationError) -> CommandFailure {
    CommandFailure(code: 2, lines: error.problems.map(\.description))
  }
}
