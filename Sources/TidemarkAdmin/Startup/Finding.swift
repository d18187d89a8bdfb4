internal import TidemarkCore

/// A result of a check in one line: what was found, where, and how to fix it.
package struct Finding: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Severity: String, Sendable, Codable {
    case ok, warning, problem
    /// A worker can run but may lose entries or publish late. `check` fails; `run` logs an error.
    case risk
    /// The server can't be reached; it may come back by itself.
    case unreachable
  }

  package var severity: Severity
  /// The part that was checked, such as `redis` or `postgres.schema`.
  package var subject: String
  package var text: String
  package var hint: String?

  package init(_ severity: Severity, _ subject: String, _ text: String, hint: String? = nil) {
    self.severity = severity
    self.subject = subject
    self.text = text
    self.hint = hint
  }

  package var description: String {
    ForeignText.line("\(subject): \(text)\(hint.map { "; \($0)" } ?? "")")
  }
}

extension Finding {
  /// The milliseconds by which clocks may differ; leases and lag are measured in seconds.
  private static let allowedSkew: Int64 = 2_000

  /// Creates the finding about the clock of a server that is ahead of this host's by `skew` milliseconds.
  init(clockOf server: String, skew: Int64) {
    guard abs(skew) > Self.allowedSkew else {
      self.init(.ok, "\(server).clock", "agrees with this host's to \(Self.allowedSkew / 1_000) s")
      return
    }
    self.init(
      .warning, "\(server).clock", "the server's clock differs from this host's by \(skew) ms", hint: "run a time service on both")
  }
}
