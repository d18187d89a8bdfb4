/// Decides which event ids the ledger may forget.
///
/// `dedupe.window` is measured in entry ids, not by a clock: an entry that waits in Redis through an outage is still compared with the
/// entries that were written within the window before and after it. So an event id must be kept while an entry may come whose position is
/// within the window of the event id's position. For each lane, such an entry may be:
///
/// 1. An entry that waits in the stream: at any position between the cursor and the stream's last id.
/// 2. An entry that is written from now on. Redis gives ids that follow its clock, so no position below ``horizon`` is expected.
/// 3. An entry with an id that a producer chose and that lags behind the clock: at any position beyond the cursor. Such an entry is
///    expected for one window after the lane has moved; without this limit one such producer would keep the event ids of all lanes for
///    ever.
/// 4. An entry at any position beyond the cursor, where it is not known what the stream holds.
///
/// It is a value without I/O and clock; all times are in Unix milliseconds.
package struct EventIDRetention: Sendable {
  /// A lane as the ledger holds it, whether or not this worker owns it.
  package struct Lane: Sendable, Equatable {
    package var name: String
    package var position: EntryID
    /// The time at which the lane's row was last changed, on Postgres' clock.
    package var movedAt: Int64

    package init(name: String, position: EntryID, movedAt: Int64) {
      self.name = name
      self.position = position
      self.movedAt = movedAt
    }
  }

  /// The largest difference to allow for between the clocks of the servers, and between ids and the clock.
  static let tolerance: Int64 = 60_000

  private let now: Int64
  private let window: Int64
  /// The position from which on every event id is kept.
  private var horizon: Int64
  /// The ranges of positions below the horizon at which entries may come.
  private var expected: [ClosedRange<Int64>] = []

  /// - Parameter now: the lowest of the servers' clocks.
  package init(now: Int64, window: Duration) {
    self.now = now
    self.window = window.milliseconds
    horizon = now - Self.tolerance - self.window
  }

  package mutating func consider(_ lane: Lane, _ stream: StreamExtent) {
    let position = Int64(clamping: lane.position.ms)
    switch stream {
    case .unknown: horizon = min(horizon, position - window)
    case .absent: break
    case .present(_, let last) where last > lane.position: expected.append(position...Int64(clamping: last.ms))
    // The stream is not the one that was read, so possibly none of its entries was read.
    case .present(_, let last) where last < lane.position: expected.append(0...Int64(clamping: last.ms))
    case .present: break
    }
    let idle = max(0, now - lane.movedAt)
    if idle < window, lane.movedAt - position > Self.tolerance {
      expected.append(position...(position + idle + Self.tolerance))
    }
  }

  /// The ranges of positions whose event ids are not needed any more: ascending, not touching, possibly none.
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
