/// The delays between attempts that fail one after the other. Each follows from the one before, as ``RetryPolicy`` computes it; a success ends
/// the series.
package struct Backoff: Sendable, Equatable {
  private var last: Duration?

  package init() {}

  /// Returns the delay before the next attempt.
  ///
  /// - Parameters:
  ///   - policy: the one in force, which may change between attempts.
  ///   - random: in 0..<1.
  package mutating func next(_ policy: RetryPolicy, random: Double) -> Duration {
    let wait = policy.wait(after: last, random: random)
    last = wait
    return wait
  }

  /// Records a success: the next delay is a short one again.
  package mutating func succeeded() { last = nil }
}
