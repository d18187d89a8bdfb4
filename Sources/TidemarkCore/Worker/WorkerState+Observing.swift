/// What is measured, noted and shown of lanes.
extension WorkerState {
  /// Returns the lanes to measure now, with everything that is known of them.
  package mutating func lanesToMeasure(now: ContinuousClock.Instant) -> [LaneStatus] {
    observation.takeUnmeasured().compactMap { scheduler.lanes[$0].map { status(of: $0, now: now) } }
  }

  /// Records how many entries Redis had added to lanes. Returns for how long something of each has been seen to wait.
  package mutating func observed(_ added: [String: UInt64], now: ContinuousClock.Instant) -> [String: Duration] {
    var waited: [String: Duration] = [:]
    for (lane, added) in added {
      guard let flow = scheduler.lanes[lane] else { continue }
      views[lane, default: LaneView()].backlog.observe(added: added, committed: flow.record.ordinal, at: now)
      waited[lane] = views[lane]?.backlog.waited(until: now)
    }
    return waited
  }

  package mutating func measured(_ lags: [String: LaneLag]) {
    for (lane, lag) in lags where scheduler.lanes[lane] != nil {
      views[lane, default: LaneView()].lag = lag
      // A lag grows without any event.
      if lag.entries != 0 { observation.measureAgain(lane) }
    }
  }

  /// Returns the lags of those of these lanes whose pressure is published.
  package func lanesWithPressure(_ lags: [String: LaneLag]) -> [String: LaneLag] {
    lags.filter { scheduler.lanes[$0.key]?.profile.publishesPressure ?? false }
  }

  /// The time for which published pressure is valid: until all lanes were measured once more, and for a lease at least.
  package var pressureLifetime: Duration {
    max(settings.leaseTTL, .seconds(3 * scheduler.lanes.count / ObservationPlan.quietPortion))
  }

  /// Returns the pressure to publish for these lanes, now that their lag is known.
  package mutating func pressureLevels(_ lags: [String: LaneLag], memory: Double?) -> [LanePressure] {
    var levels: [LanePressure] = []
    for (lane, lag) in lags {
      guard let record = scheduler.lanes[lane]?.record else { continue }
      var gauge = views[lane]?.pressure ?? PressureGauge()
      gauge.observe(lag: lag.seconds, memory: memory, limits: settings.pressure)
      views[lane, default: LaneView()].pressure = gauge
      if gauge.isMemoryFull { fullLanes.insert(lane) } else { fullLanes.remove(lane) }
      levels.append(
        LanePressure(lane: lane, level: gauge.level, installation: record.installation, functions: settings.functions))
    }
    return levels
  }

  /// Records that these lanes have their mirroring group.
  package mutating func mirrored(_ records: [LaneRecord]) {
    for record in records { scheduler.mirrored(record) }
  }

  /// Makes lanes due to be measured again. What was measured last is shown until then.
  package mutating func measureAgain(_ lanes: some Sequence<String>) {
    for lane in lanes { observation.measureAgain(lane) }
  }

  /// Records that the server of these lanes could not be asked.
  package mutating func measureFailed(_ lanes: some Sequence<String>) {
    for lane in lanes {
      observation.measureAgain(lane)
      views[lane]?.lag = nil
    }
  }

  /// Returns the lanes whose state may have changed since the last call; nil for a lane that is not owned any more.
  package mutating func changedLanes(now: ContinuousClock.Instant) -> [String: LaneStatus?] {
    Dictionary(
      uniqueKeysWithValues: observation.takeChanged().map { lane in (lane, scheduler.lanes[lane].map { status(of: $0, now: now) }) })
  }

  /// Records that the state of these lanes could not be noted in the ledger.
  package mutating func noteFailed(_ lanes: some Sequence<String>) {
    for lane in lanes { observation.noteChange(lane) }
  }

  /// Returns the lanes whose cursor moved since the last call.
  package mutating func movedLanes(now: ContinuousClock.Instant) -> [LaneStatus] {
    observation.takeMoved().sorted().compactMap { scheduler.lanes[$0].map { status(of: $0, now: now) } }
  }

  package mutating func checkpointed(_ lanes: some Sequence<String>, at time: WorkerTime) {
    for lane in lanes where scheduler.lanes[lane] != nil { views[lane, default: LaneView()].checkpoint = time.milliseconds }
  }

  package mutating func checkpointFailed(_ lanes: some Sequence<String>) {
    for lane in lanes { observation.moved(lane) }
  }

  package func status(now: ContinuousClock.Instant) -> WorkerStatus {
    WorkerStatus(
      lanes: scheduler.lanes.values.map { status(of: $0, now: now) }.sorted { $0.record.name < $1.record.name },
      bufferBytes: scheduler.credit.used, backpressure: backpressure, redisError: redisError,
      leaseAge: leaseRenewedAt.map { $0.duration(to: now) }, isDraining: isDraining, leaseError: failures.leases,
      marksError: failures.marks, acquisitionErrors: failures.acquisition + Set(failures.unregistered.values).sorted())
  }

  private func status(of flow: OwnedLane, now: ContinuousClock.Instant) -> LaneStatus {
    let view = views[flow.record.name]
    let server = redis[flow.server]
    // What was measured before a server went away is not known any more.
    let isAway = server.awaySince != nil
    let hasBacklog = flow.hasBacklog || view?.lag?.entries ?? 0 > 0
    let state: LaneState =
      switch flow.state {
      case .idle where server != .reachable: .waitingRedis
      case .idle, .reading: postgres.reason != nil && hasBacklog ? .waitingPostgres : flow.state
      case let state: state
      }
    let waitsFor = state == .waitingRedis ? server.reason : state == .waitingPostgres ? postgres.reason : nil
    return LaneStatus(
      record: flow.record, state: state, lastError: flow.halt?.reason ?? view?.error?.text ?? waitsFor,
      hint: flow.halt == nil ? view?.error?.hint : flow.halt?.hint, lag: isAway ? nil : view?.lag,
      oldestUncommitted: flow.oldestUncommitted, lastCommit: view?.commit, lastCheckpoint: view?.checkpoint,
      pressure: isAway ? nil : view?.pressure?.level,
      trimBlocked: (view?.trimBlockers ?? [:]).mapValues { $0.duration(to: now) }, sealedThrough: view?.sealedThrough,
      verified: view?.verified)
  }
}
