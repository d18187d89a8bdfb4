/// What trimming asks.
extension WorkerState {
  /// Returns the owned lanes whose turn it is, of those whose streams Tidemark trims.
  package mutating func lanesToTrim(_ count: Int) -> [OwnedLane] {
    turns.lanesToTrim(count).compactMap { scheduler.lanes[$0] }.filter { $0.halt == nil && !$0.isClosing }
  }

  /// Records that the ledger has these lanes' cursors there. Returns for each the positions at which it was seen so far.
  package mutating func passed(_ records: [LaneRecord], now: ContinuousClock.Instant) -> [PassedPositions] {
    records.map { scheduler.passed($0, settings.trim, now: now) }
  }

  /// Records the groups that hold up trimming, for each lane that was inspected.
  package mutating func trimBlocked(_ groups: [String: [String]], now: ContinuousClock.Instant) {
    for (lane, names) in groups where scheduler.lanes[lane] != nil {
      let before = views[lane]?.trimBlockers ?? [:]
      views[lane, default: LaneView()].trimBlockers = Dictionary(uniqueKeysWithValues: names.map { ($0, before[$0] ?? now) })
    }
  }
}
