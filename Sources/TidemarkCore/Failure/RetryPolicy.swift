/// Computes the delay before the next attempt, for ``Backoff``, with decorrelated jitter, so that workers that failed together do not retry together (AWS
/// Architecture Blog, "Exponential Backoff And Jitter").
package struct RetryPolicy: Sendable, Equatable {
  /// The shortest delay.
  package var base: Duration
  /// The longest delay.
  package var cap: Duration

  package init(base: Duration, cap: Duration) {
    self.base = base
    self.cap = cap
  }

  /// Returns the delay that follows a delay of `previous` (nil at first); `random` is in 0..<1.
  func wait(after previous: Duration?, random: Double) -> Duration {
    let ceiling = max(base, (previous ?? base) * 3)
    return min(cap, base + (ceiling - base) * random)
  }
}
