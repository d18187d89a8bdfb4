/// Decides how many dead letters go into one transaction of a replay, and how long the lane has for itself after it.
///
/// A replay holds the row of the lane that the owner's commits need, too. So its transactions stay short, and after each of them the row is
/// free for at least as long as it was held: however many letters are replayed, the lane keeps half of its time.
package struct ReplayPace: Sendable {
  /// How long a transaction may hold the lane.
  package static let target = Duration.milliseconds(50)
  /// Letters of one transaction at most.
  package static let most = 256
  /// Bytes of one transaction at most, unless one letter has more.
  package static let mostBytes = 4 << 20

  /// Letters of the next transaction.
  package private(set) var size = 8

  package init() {}

  /// A transaction of this many letters took this long. Answers how long to wait before the next.
  package mutating func took(_ time: Duration, for letters: Int) -> Duration {
    if time > Self.target {
      size = max(1, min(size, letters) / 2)
    } else if time < Self.target / 2, letters >= size {
      size = min(Self.most, size * 2)
    }
    return min(max(time, .milliseconds(1)), .seconds(1))
  }

  /// A transaction failed over one of its letters: they go one by one.
  package mutating func failed() { size = 1 }
}
