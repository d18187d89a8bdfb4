/// Computes up to where a lane may be trimmed (DESIGN, invariant 3). An entry must stay if it is not durable, if another group still wants
/// it, or if it is inside the kept window; and the cursor's own entry must stay, because it reveals a rewind.
package struct TrimBound: Sendable, Equatable {
  /// The entry below which all entries may be removed; nil where none may.
  package var below: EntryID?
  /// The groups that want entries which would be removed otherwise.
  package var blockedBy: [String]

  /// - Parameters:
  ///   - cursor: the lane's cursor, as it was just read from the ledger.
  ///   - now: Redis' clock, in Unix milliseconds.
  ///   - passed: earlier positions of the cursor, for entries whose ids tell no time; `moment` is the present on the same clock.
  ///   - entryBytes: the mean size of the lane's entries, where some were read.
  ///   - own: the name of the group that mirrors the cursor.
  package init(
    _ stream: StreamInfo, cursor: EntryID, now: UInt64, passed: PassedPositions, at moment: ContinuousClock.Instant,
    limits: TrimLimits, entryBytes: Double?, groups: [LaneGroup], own: String
  ) {
    self.init(below: nil, blockedBy: [])
    guard limits.isEnabled, let first = stream.firstID else { return }
    let byAge = max(Self.byAge(now, limits.keep), passed.position(olderThan: limits.keep, at: moment) ?? .zero)
    let bySize = limits.keptEntries(of: entryBytes).map { Self.bySize(stream, first, kept: $0, now, passed) } ?? .zero
    let window = max(byAge, bySize)
    let allowed = min(cursor, window)
    guard allowed > first else { return }
    let others = groups.filter { $0.name != own && !limits.ignoredGroups.contains($0.name) }
    blockedBy = others.filter { $0.wants < allowed }.map(\.name).sorted()
    let bound = min(allowed, others.map(\.wants).min() ?? allowed)
    if bound > first { below = bound }
  }

  private init(below: EntryID?, blockedBy: [String]) {
    self.below = below
    self.blockedBy = blockedBy
  }

  private static func byAge(_ now: UInt64, _ keep: Duration) -> EntryID {
    let milliseconds = UInt64(max(0, keep / .milliseconds(1)))
    return EntryID(ms: now > milliseconds ? now - milliseconds : 0, no: 0)
  }

  /// Returns the entry below which entries may be removed by size. Redis can't find an id by size, so there are two cases:
  /// 1. The last position of the cursor that has enough entries behind it, where one is known.
  /// 2. Otherwise half of the excess is removed at once, as if the entries were spread evenly between the first id and the last; the next
  ///    inspection corrects the error. Where only some of the ids are ahead of the clock they are not spread evenly, and none is removed.
  private static func bySize(
    _ stream: StreamInfo, _ first: EntryID, kept: Double, _ now: UInt64, _ passed: PassedPositions
  ) -> EntryID {
    let excess = (Double(stream.length) - kept) / Double(stream.length)
    guard excess > 0 else { return .zero }
    let last = stream.lastGeneratedID
    let place = Double(stream.entriesAdded) - kept
    let seen = place > 0 ? passed.position(notBeyond: UInt64(place)) ?? .zero : .zero
    if seen > first { return seen }
    if first.ms == last.ms { return EntryID(ms: first.ms, no: part(excess / 2, from: first.no, to: last.no)) }
    guard (first.ms > now) == (last.ms > now) else { return .zero }
    return EntryID(ms: part(excess / 2, from: first.ms, to: last.ms), no: 0)
  }

  /// Returns the number at `share` of the distance between two numbers.
  private static func part(_ share: Double, from first: UInt64, to last: UInt64) -> UInt64 {
    first + min(last - first, UInt64(clamping: Int64(min(Double(last - first) * share, 9e18))))
  }
}
