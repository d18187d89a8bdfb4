internal import TidemarkCore

/// What a check found: one line of what and where, and the mend.
package struct Finding: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Severity: String, Sendable, Codable {
    case ok, warning, problem
    /// A worker can run, and can lose what it was given: `check` fails, `run` says so loudly.
    case risk
    /// The server can't be reached: it may come back by itself.
    case unreachable
  }

  package var severity: Severity
  /// The part that was looked at, such as `redis` or `postgres.schema`.
  package var subject: String
  package var text: String
  package var mend: String?

  package init(_ severity: Severity, _ subject: String, _ text: String, mend: String? = nil) {
    self.severity = severity
    self.subject = subject
    self.text = text
    self.mend = mend
  }

  package var description: String {
    ForeignText.line("\(subject): \(text)\(mend.map { "; \($0)" } ?? "")")
  }
}
