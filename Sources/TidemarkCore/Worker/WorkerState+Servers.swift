/// Which server holds which lane, and which of them can be reached.
extension WorkerState {
  package var servers: Set<LaneServer> { Set(scheduler.servers) }

  package func knows(_ server: LaneServer) -> Bool { scheduler.knows(server) }

  /// Records that these servers hold these lanes from now on. Servers that hold none any more are forgotten.
  package mutating func place(_ lanes: [String], at servers: [LaneServer]) {
    for (lane, server) in zip(lanes, servers) { scheduler.place(lane, at: server) }
    scheduler.forgetEmptyServers()
  }

  /// Records that servers were arranged anew, and where they hold these lanes now. No mark is published over what was compared before.
  package mutating func rearranged(_ lanes: [String], at servers: [LaneServer]) {
    place(lanes, at: servers)
    trust.forgetAll()
  }

  /// Records the result of a request to a server; ignored if this worker owns no lane there, because no task would ask that server again.
  ///
  /// - Parameter isAway: whether the server does not answer, rather than refusing this worker.
  package mutating func asked(_ server: LaneServer, failed failure: String?, isAway: Bool = false, now: ContinuousClock.Instant) {
    guard scheduler.holdsLanes(server) else { return }
    guard redis.asked(server, failed: failure, isAway: isAway, now: now) else { return }
    for flow in scheduler.lanes.values where flow.server == server { observation.noteChange(flow.record.name) }
  }

  /// Records the result of a probe, which is made where no read shows whether Redis can be reached.
  package mutating func probed(_ server: LaneServer, failed failure: String?, isAway: Bool = false, now: ContinuousClock.Instant) {
    guard ownsNothing else { return asked(server, failed: failure, isAway: isAway, now: now) }
    redis.probed(failed: failure, isAway: isAway, now: now)
  }

  /// The reason why some lanes can't be read; nil when all can.
  package var redisError: String? {
    if let claimRefusal { return claimRefusal.description }
    let reasons = redis.reasons(of: scheduler)
    return reasons.isEmpty ? nil : reasons.sorted().joined(separator: "; ")
  }
}
