internal import TidemarkCore

/// What is seen from outside.
extension LaneCoordinator {
  /// Which lanes to measure now, with all that is known of them.
  func lanesToMeasure() -> [LaneStatus] {
    observation.takeUnmeasured().compactMap { scheduler.lanes[$0].map { status(of: $0) } }
  }

  /// What Redis had added to lanes just now. Answers for how long something of each has been seen to wait.
  func observed(_ added: [String: UInt64]) -> [String: Duration] {
    let now = clock.now
    var waited: [String: Duration] = [:]
    for (lane, added) in added {
      guard let flow = scheduler.lanes[lane] else { continue }
      views[lane, default: LaneView()].backlog.observe(added: added, committed: flow.record.ordinal, at: now)
      waited[lane] = views[lane]?.backlog.waited(until: now)
    }
    return waited
  }

  func measured(_ lags: [String: LaneLag]) {
    for (lane, lag) in lags where scheduler.lanes[lane] != nil {
      views[lane, default: LaneView()].lag = lag
      // It grows older by itself.
      if lag.entries != 0 { observation.measureAgain(lane) }
    }
  }

  /// Returns the lags of those of these lanes whose pressure is published.
  func lanesWithPressure(_ lags: [String: LaneLag]) -> [String: LaneLag] {
    lags.filter { scheduler.lanes[$0.key]?.profile.publishesPressure ?? false }
  }

  /// The time for which published pressure is valid: until all lanes were measured once more, and for a lease at least.
  var pressureLifetime: Duration {
    max(settings.leaseTTL, .seconds(3 * scheduler.lanes.count / ObservationPlan.quietPortion))
  }

  /// What the agents of these lanes are to be told, now that their lag is known.
  func pressureLevels(_ lags: [String: LaneLag], memory: Double?) -> [LanePressure] {
    var levels: [LanePressure] = []
    for (lane, lag) in lags {
      guard let record = scheduler.lanes[lane]?.record else { continue }
      var gauge = views[lane]?.pressure ?? PressureGauge()
      gauge.observe(lag: lag.seconds, memory: memory, limits: settings.pressure)
      views[lane, default: LaneView()].pressure = gauge
      levels.append(LanePressure(lane: lane, level: gauge.level, installation: record.installation))
    }
    return levels
  }

  /// These lanes have their mirroring group.
  func mirrored(_ records: [LaneRecord]) {
    for record in records { scheduler.mirrored(record) }
  }

  /// What was measured last stands until the lane's turn comes.
  func measureAgain(_ lane: String) { observation.measureAgain(lane) }

  /// The server of these lanes could not be asked.
  func unmeasured(_ lanes: some Sequence<String>) {
    for lane in lanes {
      observation.measureAgain(lane)
      views[lane]?.lag = nil
    }
  }

  /// Lanes whose state may be another since the last call; nil for one that is not ours any more.
  func changedLanes() -> [String: LaneStatus?] {
    Dictionary(uniqueKeysWithValues: observation.takeChanged().map { lane in (lane, scheduler.lanes[lane].map { status(of: $0) }) })
  }

  /// It has to be told again.
  func noteFailed(_ lanes: some Sequence<String>) {
    for lane in lanes { observation.noteChange(lane) }
  }

  /// Lanes whose cursor moved since the last call.
  func movedLanes() -> [LaneStatus] {
    observation.takeMoved().sorted().compactMap { scheduler.lanes[$0].map { status(of: $0) } }
  }

  func checkpointed(_ lanes: some Sequence<String>) {
    let now = clock.milliseconds
    for lane in lanes where scheduler.lanes[lane] != nil { views[lane, default: LaneView()].checkpoint = now }
  }

  func notCheckpointed(_ lanes: some Sequence<String>) {
    for lane in lanes { observation.moved(lane) }
  }

  /// Returns once this actor is free: whoever holds it up holds up this call.
  package func turn() {}

  package func status() -> WorkerStatus {
    WorkerStatus(
      lanes: scheduler.lanes.values.map { status(of: $0) }.sorted { $0.record.name < $1.record.name }, bufferBytes: scheduler.credit.used,
      backpressure: backpressure, redisError: redisError, leaseAge: leaseRenewedAt.map { $0.duration(to: clock.now) },
      isDraining: scheduler.isDraining, leaseError: leaseError,
      marksError: marksError,
      acquisitionErrors: acquisitionErrors + Set(unregistered.values).sorted())
  }

  private func status(of flow: OwnedLane) -> LaneStatus {
    let view = views[flow.record.name]
    let redisError = redisErrors[flow.server]
    // What was measured before a server went away is not known any more.
    let isAway = redisAway[flow.server] != nil
    let hasBacklog = flow.hasBacklog || view?.lag?.entries ?? 0 > 0
    let state: LaneState =
      switch flow.state {
      case .idle where redisError != nil: .waitingRedis
      case .idle, .reading: postgres.reason != nil && hasBacklog ? .waitingPostgres : flow.state
      case let state: state
      }
    let waitsFor = state == .waitingRedis ? redisError : state == .waitingPostgres ? postgres.reason : nil
    return LaneStatus(
      record: flow.record, state: state, lastError: flow.halt?.reason ?? view?.error?.text ?? waitsFor,
      hint: flow.halt == nil ? view?.error?.hint : flow.halt?.hint, lag: isAway ? nil : view?.lag,
      oldestUncommitted: flow.oldestUncommitted,
      lastCommit: view?.commit,
      lastCheckpoint: view?.checkpoint, pressure: isAway ? nil : view?.pressure?.level,
      trimBlocked: (view?.trimBlockers ?? [:]).mapValues { $0.duration(to: clock.now) })
  }
}
