internal import DequeModule
internal import TidemarkCore

/// Matches written changes with durable marks. Lanes are numbered.
///
/// A mark and the reply to the XADD that it covers arrive on two connections, so either may arrive first.
struct DurabilityLedger: Sendable {
  typealias Instant = ContinuousClock.Instant

  private struct Lane {
    var waiting: Deque<(id: EntryID, intended: Instant)> = []
    var lastSent = EntryID.zero
    /// The marks beyond the last entry that is known to be sent.
    var ahead: Deque<(id: EntryID, at: Instant)> = []
  }

  private var lanes: [Lane]
  /// The number of entries that are sent and not durable.
  private(set) var outstanding = 0
  /// The moment when the latest entry became durable.
  private(set) var lastDurable: Instant?

  init(lanes: Int) {
    self.lanes = Array(repeating: Lane(), count: lanes)
  }

  /// Records a written entry; the ids of a lane increase. Returns its lag if its mark has already arrived.
  mutating func sent(lane: Int, id: EntryID, intended: Instant) -> Duration? {
    lanes[lane].lastSent = id
    while let mark = lanes[lane].ahead.first, mark.id < id { lanes[lane].ahead.removeFirst() }
    guard let mark = lanes[lane].ahead.first else {
      lanes[lane].waiting.append((id, intended))
      outstanding += 1
      return nil
    }
    lastDurable = max(lastDurable ?? mark.at, mark.at)
    return intended.duration(to: mark.at)
  }

  /// Records that all entries up to `id` are durable. Returns the lags of the entries that were waiting for the mark.
  mutating func durable(lane: Int, id: EntryID, at moment: Instant) -> [Duration] {
    var lags: [Duration] = []
    while let entry = lanes[lane].waiting.first, entry.id <= id {
      lanes[lane].waiting.removeFirst()
      lags.append(entry.intended.duration(to: moment))
    }
    outstanding -= lags.count
    if !lags.isEmpty { lastDurable = moment }
    if id > lanes[lane].lastSent { lanes[lane].ahead.append((id, moment)) }
    return lags
  }
}
