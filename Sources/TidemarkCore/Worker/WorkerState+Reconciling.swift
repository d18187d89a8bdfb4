/// What the comparison of lanes' logs with Postgres asks.
extension WorkerState {
  /// What decides at present about the comparison.
  package var reconciliationFacts: ReconciliationFacts {
    ReconciliationFacts(lanes: committedLanes, limits: settings.reconciliation, isHeldUp: postgres.awaySince != nil || isLagging)
  }

  /// Whether a lane that is served has a lag at which agents are asked to slow down.
  var isLagging: Bool {
    scheduler.lanes.contains { name, lane in
      lane.halt == nil && !lane.isPaused && (views[name]?.lag?.seconds ?? 0) >= settings.pressure.slow.seconds
    }
  }

  /// Returns an owned lane by its number in the ledger; nil where it is not owned any more.
  package func ownedLane(_ id: Int32) -> (record: LaneRecord, partition: SessionPartition?)? {
    scheduler.lanes.values.first { $0.record.laneID == id && !$0.isClosing }.map { ($0.record, $0.profile.partition) }
  }

  /// Records how far a lane is verified, to be shown.
  package mutating func verified(_ lane: Int32, through entry: EntryID, incarnation: Int64) {
    guard let owned = ownedLane(lane), owned.record.incarnation == incarnation else { return }
    views[owned.record.name, default: LaneView()].verified = entry
  }
}
