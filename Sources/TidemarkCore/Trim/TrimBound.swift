/// Up to where a lane may be trimmed (DESIGN, invariant 3): never what is not durable, what another group still wants, or what is inside the
/// kept window; and the cursor's own entry stays, by which a rewind is noticed.
package struct TrimBound: Sendable, Equatable {
  /// Everything below this entry may go; nil: nothing.
  package var below: EntryID?
  /// Groups that want entries which would go otherwise.
  package var blockedBy: [String]

  /// - Parameters:
  ///   - cursor: the lane's, as it was just read from the ledger.
  ///   - now: Redis' clock, Unix milliseconds.
  ///   - passed: where the cursor stood before, for entries whose ids tell no time; and `moment`, the present one on the same clock.
  ///   - entryBytes: what an entry of this lane takes on average, where some were read.
  ///   - own: the group that mirrors the cursor.
  package init(
    _ stream: StreamInfo, cursor: EntryID, now: UInt64, passed: PassedPositions, at moment: ContinuousClock.Instant,
    limits: TrimLimits, entryBytes: Double?, groups: [LaneGroup], own: String
  ) {
    self.init(below: nil, blockedBy: [])
    guard limits.isEnabled, let first = stream.firstID else { return }
    let byAge = max(Self.byAge(now, limits.keep), passed.position(olderThan: limits.keep, at: moment) ?? .zero)
    let bySize = limits.keptEntries(of: entryBytes).map { Self.bySize(stream, first, kept: $0, now, passed) } ?? .zero
    let window = max(byAge, bySize)
    let ours = min(cursor, window)
    guard ours > first else { return }
    let others = groups.filter { $0.name != own && !limits.ignoredGroups.contains($0.name) }
    blockedBy = others.filter { $0.wants < ours }.map(\.name).sorted()
    let bound = min(ours, others.map(\.wants).min() ?? ours)
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

  /// Redis knows no id by size. The last place that the cursor was seen at and behind which as many entries stand as may stay is one. Where
  /// none is known, half of the excess goes at a time, as if the entries were spread evenly between the ids of the first and the last: the next
  /// look corrects what they are not. Between ids of which only some are ahead of the clock nothing is spread evenly.
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

  /// A number that lies so far between two others.
  private static func part(_ share: Double, from first: UInt64, to last: UInt64) -> UInt64 {
    first + min(last - first, UInt64(clamping: Int64(min(Double(last - first) * share, 9e18))))
  }
}
