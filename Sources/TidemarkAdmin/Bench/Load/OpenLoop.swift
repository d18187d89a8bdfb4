/// A schedule that does not wait for answers: every change has its time from the beginning, and lag is counted from that time, so that a
/// stall shows in all the changes that it held up and not only in the one that was under way (no coordinated omission).
struct OpenLoop: Sendable {
  /// Changes a second.
  let rate: Int
  let start: ContinuousClock.Instant

  func intended(_ index: Int) -> ContinuousClock.Instant {
    let (seconds, rest) = index.quotientAndRemainder(dividingBy: rate)
    return start + .seconds(seconds) + .nanoseconds(Int64(rest) * 1_000_000_000 / Int64(rate))
  }

  /// How many changes have their time at or before this moment.
  func due(at moment: ContinuousClock.Instant) -> Int {
    let nanoseconds = start.duration(to: moment).nanoseconds
    guard nanoseconds >= 0 else { return 0 }
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    // The estimate can be off by one, since `intended` rounds down.
    var count = Int(seconds) * rate + Int(rest) * rate / 1_000_000_000
    while intended(count) <= moment { count += 1 }
    return count
  }
}

extension Duration {
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
