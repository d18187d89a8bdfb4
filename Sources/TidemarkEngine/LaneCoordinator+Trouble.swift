internal import Logging
internal import TidemarkCore

/// What operators want of lanes, and what stops them.
extension LaneCoordinator {
  /// Says which lanes halted and which go on.
  func sayHalts() {
    for event in scheduler.takeHaltEvents() {
      switch event {
      case .halted(let lane, let reason, let hint):
        logger.error("lane.halted", metadata: ["lane": "\(lane)", "reason": "\(reason)", "hint": "\(hint ?? "")"])
      case .resumed(let lane): logger.info("lane.resumed", metadata: ["lane": "\(lane)"])
      }
    }
  }

  /// The ledger says this of all lanes of which operators wanted anything.
  func controlled(_ controls: [LaneControl]) {
    let change = self.controls.seen(controls)
    for lane in scheduler.pause(change.paused) {
      logger.info(change.paused.contains(lane) ? "lane.paused" : "lane.resumed", metadata: ["lane": "\(lane)"])
      observation.noteChange(lane)
      if scheduler.hasReady { committable.raiseForOne() }
      readable.raise()
      population.raise()
    }
    if !change.retried.isEmpty { revive(.retried(change.retried)) }
    if !change.resolved.isEmpty { revive(.resolved(change.resolved)) }
  }

  /// - Parameter isOfReading: see ``LaneScheduler/halt(_:reason:hint:until:isOfReading:isOfDeadLetters:)``.
  func halt(_ lane: String, reason: String, hint: String?, for backoff: Duration?, isOfReading: Bool = false) {
    guard scheduler.lanes[lane] != nil else { return }
    views[lane, default: LaneView()].error = .init(text: reason, hint: hint)
    scheduler.halt(
      lane, reason: reason, hint: hint, until: backoff.map { clock.now.advanced(by: $0) }, isOfReading: isOfReading)
    sayHalts()
    if scheduler.hasReady { committable.raiseForOne() }
    observation.noteChange(lane)
  }

  /// Halted lanes are tried again.
  func revive(_ revival: LaneScheduler.Revival = .backoffEnded) {
    let revived = scheduler.revive(revival, now: clock.now)
    for lane in revived {
      // What it failed by is over, until it fails again.
      if revival != .backoffEnded { views[lane]?.error = nil }
      observation.noteChange(lane)
    }
    sayHalts()
    guard !revived.isEmpty else { return }
    if scheduler.hasReady { committable.raiseForOne() }
    readable.raise()
    population.raise()
  }

  // Postgres

  /// A request to Postgres failed. Where it can't be reached, all lanes with something to commit wait for it.
  func postgresFailed(_ error: any Error) {
    guard let error = error as? SinkError, error.isUnreachable, !Task.isCancelled else { return }
    if postgres.failed(error.description, now: clock.now) {
      logger.warning(
        "postgres.unreachable",
        metadata: ["reason": "\(error.description)", "effect": "what was read waits; nothing more is read than the buffer holds"])
    }
    guard postgresAwaySince == nil else { return }
    postgresAwaySince = clock.now
    postgresChanged.raise()
    for lane in scheduler.lanes.keys { observation.noteChange(lane) }
  }

  /// Postgres has answered: whoever waits for it tries at once.
  func postgresAnswered() {
    guard postgresAwaySince != nil else { return }
    postgresAwaySince = nil
    if postgres.succeeded() { logger.info("postgres.reachable") }
    postgresChanged.raise()
    for lane in scheduler.lanes.keys { observation.noteChange(lane) }
  }

  /// Returns when a drain that has begun is to be given up: at its deadline, or once Postgres has been away for `patience` of it.
  func drainIsOver(deadline: Duration, patience: Duration) async {
    await draining()
    let began = clock.now
    let end = began.advanced(by: deadline)
    while !Task.isCancelled {
      let seen = postgresChanged.generation
      let until = postgresAwaySince.map { max($0, began).advanced(by: patience) } ?? end
      guard clock.now < min(until, end) else { return }
      await postgresChanged.wait(after: seen, until: min(until, end), on: clock)
    }
  }

  // Leases and lanes that are not taken up

  func leasesFailed(_ reason: String?) { leaseError = reason }

  func publishingFailed(_ reason: String?) { marksError = reason }

  /// Why lanes could not be taken up at the last try, by server or altogether.
  func acquisitionFailed(_ reasons: [String]) { acquisitionErrors = reasons }

  /// Redis refuses to tell of these lanes, so that they can't be registered; the others could be.
  func refusedRegistration(_ refused: [String: String], among asked: [String]) {
    for lane in asked { unregistered[lane] = refused[lane] }
    unregistered = unregistered.filter { scheduler.lanes[$0.key] == nil && settings.lanes.profile(of: $0.key) != nil }
  }
}
