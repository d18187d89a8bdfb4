/// Decides which events of a repeated failure to report: each reason at once, however old an earlier one is, and the end.
///
/// A reason is not repeated while it lasts, nor within a minute of its last report: of two that alternate each is reported once a minute.
package struct FailureReport: Sendable {
  static let repetition = Duration.seconds(60)

  /// The reason of the present failure; nil while there is none.
  package private(set) var reason: String?
  private var reportedAt: [String: ContinuousClock.Instant] = [:]
  private var isReported = false

  package init() {}

  /// Records a failure. Returns whether to report it.
  package mutating func failed(_ reason: String, now: ContinuousClock.Instant) -> Bool {
    guard reason != self.reason else { return false }
    self.reason = reason
    reportedAt = reportedAt.filter { $0.value.duration(to: now) < Self.repetition }
    guard reportedAt[reason] == nil else { return false }
    reportedAt[reason] = now
    isReported = true
    return true
  }

  /// Records a success. Returns whether to report it: a failure that was not reported needs no end.
  package mutating func succeeded() -> Bool {
    defer { (reason, isReported) = (nil, false) }
    return isReported
  }
}
