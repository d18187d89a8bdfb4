/// Decides how many dead letters go into one transaction of a replay, and how long the replay pauses after it.
///
/// A replay locks the row of the lane that the owner's commits need, too. So its transactions stay short, and after each of them the row is
/// free for at least as long as it was locked: however many dead letters are replayed, the lane keeps half of its time.
package struct ReplayPace: Sendable {
  /// The longest time for which a transaction should lock the lane.
  package static let target = Duration.milliseconds(50)
  /// The most dead letters of one transaction.
  package static let most = 256
  /// The most bytes of one transaction, unless a single dead letter has more.
  package static let mostBytes = 4 << 20

  /// The number of dead letters in the next transaction.
  package private(set) var size = 8

  package init() {}

  /// Records that a transaction of `letters` dead letters took `time`. Returns the delay before the next one.
  package mutating func took(_ time: Duration, for letters: Int) -> Duration {
    if time > Self.target {
      size = max(1, min(size, letters) / 2)
    } else if time < Self.target / 2, letters >= size {
      size = min(Self.most, size * 2)
    }
    return min(max(time, .milliseconds(1)), .seconds(1))
  }

  /// Records that a transaction failed because of one of its dead letters, so that they are replayed one by one.
  package mutating func failed() { size = 1 }
}
