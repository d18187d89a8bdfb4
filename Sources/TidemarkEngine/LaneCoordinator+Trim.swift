internal import TidemarkCore

/// What trimming asks.
extension LaneCoordinator {
  /// Returns the owned lanes whose turn it is, of those whose streams Tidemark trims.
  func lanesToTrim(_ count: Int) -> [OwnedLane] {
    let trimmed = scheduler.lanes.values.filter { $0.profile.trimsStream && $0.halt == nil && !$0.isClosing }
    let names = trimmed.map(\.record.name).sorted()
    guard !names.isEmpty else { return [] }
    let turn = (0..<min(count, names.count)).map { names[(trimTurn + $0) % names.count] }
    trimTurn = (trimTurn + turn.count) % names.count
    return turn.compactMap { scheduler.lanes[$0] }
  }

  /// The ledger has these lanes' cursors there. Answers for each where it was seen so far.
  func passed(_ records: [LaneRecord]) -> [PassedPositions] {
    let now = clock.now
    return records.map { scheduler.passed($0, settings.trim, now: now) }
  }

  /// Groups by whom a lane's trimming is held up, for each lane that was looked at.
  func trimBlocked(_ groups: [String: [String]]) {
    for (lane, names) in groups where scheduler.lanes[lane] != nil {
      let before = views[lane]?.trimBlockers ?? [:]
      views[lane, default: LaneView()].trimBlockers = Dictionary(uniqueKeysWithValues: names.map { ($0, before[$0] ?? clock.now) })
    }
  }
}
