/// Decides what is said of something that fails again and again: each reason at once, however old another one is, and the end.
///
/// A reason is not repeated while it lasts, nor within a minute of having been said: of two that alternate each is said once a minute.
package struct FailureReport: Sendable {
  static let repetition = Duration.seconds(60)

  /// Why it fails at the moment; nil while it does not.
  package private(set) var reason: String?
  private var saidAt: [String: ContinuousClock.Instant] = [:]
  private var isSaid = false

  package init() {}

  /// It failed. Returns whether to say so.
  package mutating func failed(_ reason: String, now: ContinuousClock.Instant) -> Bool {
    guard reason != self.reason else { return false }
    self.reason = reason
    saidAt = saidAt.filter { $0.value.duration(to: now) < Self.repetition }
    guard saidAt[reason] == nil else { return false }
    saidAt[reason] = now
    isSaid = true
    return true
  }

  /// It succeeded. Returns whether to say so: what was not said to fail needs no end.
  package mutating func succeeded() -> Bool {
    defer { (reason, isSaid) = (nil, false) }
    return isSaid
  }
}
