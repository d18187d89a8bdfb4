extension WorkerState {
  /// The owned lanes of partitions, each with the installation for which it is served.
  package var partitionLanes: [String: InstallationID] {
    scheduler.lanes.filter { $0.value.profile.partition != nil && !$0.value.isClosing }.mapValues(\.record.installation)
  }

  /// What decides at present about evictions.
  package var evictionFacts: EvictionFacts {
    EvictionFacts(
      idle: settings.evictIdleAfter, memoryLimit: settings.pressure.memory, owned: partitionLanes, fullLanes: fullLanes,
      isPostgresAway: postgres.awaySince != nil)
  }

  /// Where the owned lanes stand in the ledger, by their numbers there.
  package var committedLanes: [Int32: CommittedLane] {
    let owned = scheduler.lanes.values.filter { !$0.isClosing }.map { lane in
      (lane.record.laneID, CommittedLane(position: lane.record.cursor.position, incarnation: lane.record.incarnation))
    }
    return Dictionary(owned) { $1 }
  }
}
