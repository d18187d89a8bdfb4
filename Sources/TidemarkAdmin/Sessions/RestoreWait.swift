package import TidemarkCore

/// Waits until the ledger has everything of some lanes' sessions that Redis has or had, as far as anybody knows.
package struct RestoreWait: Sendable {
  private let ledger: any LaneLedger & HotStateLedger
  private let store: any HotStore
  private let clock: any WorkerClock

  package init(ledger: any LaneLedger & HotStateLedger, store: any HotStore, clock: any WorkerClock = SystemClock()) {
    self.ledger = ledger
    self.store = store
    self.clock = clock
  }

  /// Returns the lanes that are not ready at the deadline, in their order, and why; none as soon as all are.
  ///
  /// - Parameter last: the last entry that must be committed; nil: all that the streams hold when the wait begins.
  /// - Throws: ``SourceError``, ``SinkError``, `CancellationError`.
  package func unready(
    _ lanes: [String], through last: EntryID? = nil, within limit: Duration
  ) async throws -> [(lane: String, readiness: RestoreReadiness)] {
    let deadline = clock.now.advanced(by: limit)
    var ends: [String: EntryID]?
    while true {
      let earlier = try await ledger.records(of: lanes).mapValues(\.cursor.position)
      let redis = Dictionary(uniqueKeysWithValues: zip(lanes, try await store.lanes(named: lanes)))
      let goals = ends ?? redis.mapValues { min($0.end ?? .zero, last ?? .max) }
      ends = goals
      let served = try await ledger.servedLanes(lanes)
      // Before their records are read: what these say is final then.
      try await ledger.fenceUnserved(lanes.filter { !served.contains($0) })
      let records = try await ledger.records(of: lanes)
      let unready = lanes.compactMap { lane -> (lane: String, readiness: RestoreReadiness)? in
        let readiness = RestoreReadiness(
          records[lane], earlier: earlier[lane] ?? .zero, redis: redis[lane] ?? HotLane(end: nil, incarnation: nil),
          isServed: served.contains(lane), through: goals[lane] ?? .zero)
        return readiness == .ready ? nil : (lane, readiness)
      }
      guard !unready.isEmpty, clock.now < deadline else { return unready }
      try await clock.sleep(until: min(deadline, clock.now.advanced(by: CommitWait.pause)))
    }
  }
}
