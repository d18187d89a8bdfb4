internal import TidemarkCore

/// Which server holds which lane, and which of them can be reached.
extension LaneCoordinator {
  var laneNames: [String] { Array(scheduler.lanes.keys) }
  var laneCount: Int { scheduler.lanes.count }

  /// The lanes that a server holds, as they were committed last.
  func records(at server: LaneServer) -> [LaneRecord] {
    scheduler.lanes.values.filter { $0.server == server && !$0.isClosing && $0.halt == nil }.map(\.record)
  }

  /// What is known of a lane before something of it is written to Redis.
  enum MarkEligibility {
    /// Ours. It is to be held against its stream like this.
    case ours(ExpectedStream)
    /// Ours, and known not to be what is in Redis.
    case pending
    /// Another's by now, or to be taken up again: all that is known is in its record.
    case left(ExpectedStream, PendingReplacements.Replacement?)
  }

  /// - Parameter records: what was committed of the lanes.
  func markEligibility(_ records: [LaneRecord]) -> [MarkEligibility] {
    records.map { record in
      guard let flow = scheduler.lanes[record.name], flow.record.fence == record.fence, flow.record.incarnation == record.incarnation else {
        let pending = pendingReplacements.pending(of: record)
        return .left(ExpectedStream(record, after: pending), pending)
      }
      return flow.closing == .replaced ? .pending : .ours(flow.check)
    }
  }

  var servers: Set<LaneServer> { Set(scheduler.servers) }

  func knows(_ server: LaneServer) -> Bool { scheduler.knows(server) }

  /// These servers hold these lanes from now on. Those that hold none any more are forgotten.
  func place(_ lanes: [String], at servers: [LaneServer]) {
    for (lane, server) in zip(lanes, servers) { scheduler.place(lane, at: server) }
    scheduler.forgetEmptyServers()
    keepRedisState()
    readable.raise()
    population.raise()
  }

  /// Runs `body` once for each server that holds lanes, as they become known, and returns when all have returned: it is to end with reading,
  /// and when the server is forgotten.
  nonisolated func forEachServer(_ body: @escaping @Sendable (LaneServer) async -> Void) async {
    let turns = ServerTurns()
    await withDiscardingTaskGroup { group in
      while let server = await idleServer(turns) {
        // It may be known again by the time its body ends.
        _ = turns.begin(server, in: &group, { await body(server) }, ended: { [population] in population.raise() })
      }
    }
  }

  /// Nil once reading is over.
  private func idleServer(_ turns: ServerTurns) async -> LaneServer? {
    while !Task.isCancelled, !isDraining {
      let seen = population.generation
      if let server = turns.firstIdle(of: scheduler.servers) { return server }
      await population.wait(after: seen)
    }
    return nil
  }

  // Reachability

  /// What became of asking a server. Of one that holds no lane of ours nothing is kept: nobody would ask it again.
  ///
  /// - Parameter isAway: it does not answer, rather than refuse us.
  func redis(_ server: LaneServer, failed error: String?, isAway: Bool = false) {
    guard scheduler.holdsLanes(server) else { return }
    if isAway != (redisAway[server] != nil) {
      redisAway[server] = isAway ? clock.now : nil
      leasesChanged.raise()
    }
    guard error != redisErrors[server] else { return }
    redisErrors[server] = error
    for flow in scheduler.lanes.values where flow.server == server { observation.noteChange(flow.record.name) }
  }

  /// The same, by whoever asks where no read tells.
  func probed(_ server: LaneServer, failed error: String?, isAway: Bool = false) {
    guard scheduler.lanes.isEmpty else { return redis(server, failed: error, isAway: isAway) }
    redisErrorWithoutLanes = error
    guard isAway != (redisAwayWithoutLanes != nil) else { return }
    redisAwayWithoutLanes = isAway ? clock.now : nil
    leasesChanged.raise()
  }

  /// Why some lanes can't be read; nil when all can.
  var redisError: String? {
    if let claimRefusal { return claimRefusal.description }
    let errors = scheduler.lanes.isEmpty ? Set([redisErrorWithoutLanes].compactMap(\.self)) : Set(redisErrors.values)
    return errors.isEmpty ? nil : errors.sorted().joined(separator: "; ")
  }

  /// Since when no server with lanes of ours has been reached; nil while one can be.
  var redisAwaySince: ContinuousClock.Instant? {
    guard !scheduler.lanes.isEmpty else { return redisAwayWithoutLanes }
    let since = scheduler.holdingServers.map { redisAway[$0] }
    return since.contains(nil) ? nil : since.compactMap(\.self).max()
  }

  /// Lanes have left servers, and perhaps us: what is known of Redis stays known. `away`: since when it had been away before.
  func keepRedisState(_ away: ContinuousClock.Instant? = nil) {
    for server in Set(redisErrors.keys).union(redisAway.keys) where !scheduler.holdsLanes(server) {
      redisErrors[server] = nil
      redisAway[server] = nil
    }
    if scheduler.lanes.isEmpty, let away { redisAwayWithoutLanes = away }
  }
}
