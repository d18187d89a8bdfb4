internal import DequeModule
internal import TidemarkCore

/// Matches what was written with the marks that say what is durable. Lanes are numbered.
///
/// A mark and the answer to the XADD that it covers come on two connections, so either may come first.
struct DurabilityLedger: Sendable {
  typealias Instant = ContinuousClock.Instant

  private struct Lane {
    var waiting: Deque<(id: EntryID, intended: Instant)> = []
    var lastSent = EntryID.zero
    /// Marks beyond everything that is known to be sent.
    var ahead: Deque<(id: EntryID, at: Instant)> = []
  }

  private var lanes: [Lane]
  /// Entries that are sent and not durable.
  private(set) var outstanding = 0
  /// When the latest entry became durable.
  private(set) var lastDurable: Instant?

  init(lanes: Int) {
    self.lanes = Array(repeating: Lane(), count: lanes)
  }

  /// An entry was written; ids of a lane rise. Answers its lag where its mark was faster than this call.
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

  /// Everything up to `id` is durable. Answers the lags of what waited for it.
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
