extension WorkerState {
  /// The owned lanes of partitions, each with the installation for which it is served.
  package var partitionLanes: [String: InstallationID] {
    scheduler.lanes.filter { $0.value.profile.partition != nil && !$0.value.isClosing }.mapValues(\.record.installation)
  }
}
