/// How work in the background keeps to a small share of a server's time: it is done in short pieces, with a pause after each.
enum BackgroundPace {
  /// The time that a piece should take.
  static let target = Duration.milliseconds(50)
  /// A pause is this many times as long as the piece before it, so that the work takes a twentieth of one backend's time.
  static let pauses = 19
  static let longestPause = Duration.seconds(20)

  /// Returns the size of the next piece after one of `size` that took this time.
  static func size(after size: Int, thatTook time: Duration, within range: ClosedRange<Int>) -> Int {
    if time > target { return max(range.lowerBound, size / 2) }
    return time < target / 2 ? min(range.upperBound, size * 2) : size
  }

  /// Returns the pause after a piece that took this time.
  static func pause(after time: Duration, times: Int = pauses) -> Duration { min(time * times, longestPause) }
}
