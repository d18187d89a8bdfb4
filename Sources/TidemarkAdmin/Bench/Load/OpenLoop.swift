internal import TidemarkCore

/// A schedule that does not wait for answers. Every change has its time from the beginning, and its lag counts from that time. A stall
/// therefore shows in all changes that it delays, not only in the current one (no coordinated omission).
struct OpenLoop: Sendable {
  /// The rate in changes per second.
  let rate: Int
  let start: ContinuousClock.Instant

  func intended(_ index: Int) -> ContinuousClock.Instant {
    let (seconds, rest) = index.quotientAndRemainder(dividingBy: rate)
    return start + .seconds(seconds) + .nanoseconds(Int64(rest) * 1_000_000_000 / Int64(rate))
  }

  /// Returns the number of changes whose time is at or before this moment.
  func due(at moment: ContinuousClock.Instant) -> Int {
    let nanoseconds = start.duration(to: moment).nanoseconds
    guard nanoseconds >= 0 else { return 0 }
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    // The estimate can be off by one, because `intended` rounds down.
    var count = Int(seconds) * rate + Int(rest) * rate / 1_000_000_000
    while intended(count) <= moment { count += 1 }
    return count
  }
}
