/// Decides which producers' ids the ledger may forget.
///
/// `dedupe.window` is counted by entry ids, not by a clock: an entry that waits in Redis through an outage is still held against those that
/// were written within the window before and after it. So an id is kept while an entry may come whose position is within the window of the
/// id's own. Per lane these may be:
///
/// 1. What waits in its stream: all positions between the cursor and the stream's last id.
/// 2. What is written from now on. Redis gives ids that follow its clock, so nothing below ``horizon`` is expected.
/// 3. Where a producer gives ids of its own that lag behind the clock: positions beyond the cursor. They are expected for one window after
///    the lane has moved, or one such producer would keep everybody's ids for ever.
/// 4. Anything beyond the cursor, where nobody can say what the stream holds.
///
/// A value without I/O and clock; all times are Unix milliseconds.
package struct EventIDRetention: Sendable {
  /// A lane as the ledger holds it, whoever owns it.
  package struct Lane: Sendable, Equatable {
    package var name: String
    package var position: EntryID
    /// When its row was last changed, on the clock of Postgres.
    package var movedAt: Int64

    package init(name: String, position: EntryID, movedAt: Int64) {
      self.name = name
      self.position = position
      self.movedAt = movedAt
    }
  }

  /// What Redis says of a lane's stream.
  package enum StreamEnd: Sendable, Equatable {
    /// Its server does not answer.
    case unknown
    case absent
    case at(EntryID)
  }

  /// How far the clocks of the servers, and the ids from the clock, may be apart.
  static let tolerance: Int64 = 60_000

  private let now: Int64
  private let window: Int64
  /// From here on everything is kept.
  private var horizon: Int64
  /// Positions below the horizon within whose window entries may come.
  private var expected: [ClosedRange<Int64>] = []

  /// - Parameter now: the lowest of the servers' clocks.
  package init(now: Int64, window: Duration) {
    self.now = now
    self.window = window.components.seconds * 1000
    horizon = now - Self.tolerance - self.window
  }

  package mutating func consider(_ lane: Lane, _ end: StreamEnd) {
    let position = Int64(clamping: lane.position.ms)
    switch end {
    case .unknown: horizon = min(horizon, position - window)
    case .absent: break
    case .at(let last) where last > lane.position: expected.append(position...Int64(clamping: last.ms))
    // Another stream than the one that was read: nothing of it may have been.
    case .at(let last) where last < lane.position: expected.append(0...Int64(clamping: last.ms))
    case .at: break
    }
    let idle = max(0, now - lane.movedAt)
    if idle < window, lane.movedAt - position > Self.tolerance {
      expected.append(position...(position + idle + Self.tolerance))
    }
  }

  /// The positions whose ids nobody needs any more: ascending, apart from each other, possibly none.
  package var forgettable: [Range<Int64>] {
    var ranges: [Range<Int64>] = []
    var from: Int64 = 0
    for range in expected.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      let before = min(range.lowerBound - window, horizon)
      if from < before { ranges.append(from..<before) }
      let (after, overflows) = range.upperBound.addingReportingOverflow(window)
      from = max(from, overflows ? .max : after)
    }
    if from < horizon { ranges.append(from..<horizon) }
    return ranges
  }
}
