/// What sealing asks.
extension WorkerState {
  /// What decides at present about seals.
  package var sealFacts: SealFacts {
    let owned = scheduler.lanes.values.filter { !$0.isClosing }
    let lanes = owned.map { lane in
      (
        lane.record.laneID,
        SealFacts.Lane(
          name: lane.record.name, appliedNo: lane.record.cursor.appliedNo, incarnation: lane.record.incarnation,
          installation: lane.record.installation)
      )
    }
    return SealFacts(
      interval: settings.sealInterval, lanes: Dictionary(lanes) { $1 }, isReplicationBehind: isLagging,
      isPostgresAway: postgres.awaySince != nil)
  }

  /// Records how far owned lanes are sealed, by their names.
  package mutating func sealed(_ lanes: [String: SealedLane]) {
    for (name, lane) in lanes where scheduler.lanes[name] != nil { views[name, default: LaneView()].sealedThrough = lane.committedAt }
  }
}
