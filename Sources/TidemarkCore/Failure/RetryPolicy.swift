/// How long to wait before the next attempt: decorrelated jitter, so that workers that failed together don't come back together
/// (AWS Architecture Blog, "Exponential Backoff And Jitter").
package struct RetryPolicy: Sendable, Equatable {
  /// The shortest wait.
  package var base: Duration
  /// The longest wait.
  package var cap: Duration

  package init(base: Duration, cap: Duration) {
    self.base = base
    self.cap = cap
  }

  /// The wait after one of `previous` (nil at first); `random` is in 0..<1.
  package func wait(after previous: Duration?, random: Double) -> Duration {
    let ceiling = max(base, (previous ?? base) * 3)
    return min(cap, base + (ceiling - base) * random)
  }
}
