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
  ///   - entryBytes: what an entry of this lane takes on average, where some were read.
  ///   - own: the group that mirrors the cursor.
  package init(
    _ stream: LaneInspection, cursor: EntryID, now: UInt64, limits: TrimLimits, entryBytes: Double?, groups: [LaneGroup], own: String
  ) {
    self.init(below: nil, blockedBy: [])
    guard limits.isEnabled, let first = stream.firstID else { return }
    let window = max(Self.byAge(now, limits.keep), Self.bySize(stream, first, limits.keepBytes, entryBytes))
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

  /// Redis knows no id by size. Where too much is there, half of the excess goes at a time, as if the entries were spread evenly over the
  /// time between the first and the last: the next look corrects what they are not.
  private static func bySize(_ stream: LaneInspection, _ first: EntryID, _ keepBytes: Int, _ entryBytes: Double?) -> EntryID {
    guard let entryBytes, entryBytes > 0, stream.lastGeneratedID.ms > first.ms else { return .zero }
    let kept = Double(keepBytes) / entryBytes
    let excess = (Double(stream.length) - kept) / Double(stream.length)
    guard excess > 0 else { return .zero }
    return EntryID(ms: first.ms + UInt64(Double(stream.lastGeneratedID.ms - first.ms) * excess / 2), no: 0)
  }
}
