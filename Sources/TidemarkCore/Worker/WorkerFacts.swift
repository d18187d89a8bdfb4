/// The parts of a worker's state whose changes wake tasks. Two of them are compared after each event.
struct WorkerFacts: Sendable {
  /// What a server's reader and doorbell act by.
  struct Server: Sendable, Equatable {
    var isDue = false
    var hasDueChecks = false
    var isHeard = false
    var readsAlone = false
    var needsDoorbell = false
  }

  /// What writers act by.
  struct Commits: Sendable, Equatable {
    var readyLanes = 0
    var readyEntries = 0
    var underWay = 0
    var draining = 0
    var isLargeUnderWay = false
  }

  var servers: [LaneServer: Server] = [:]
  var readingWaits = false
  var credit = 0
  var commits = Commits()
  var hasReady = false
  var ownsNothing = true
  var redis = RedisReachability.Standing.reachable
  var isPostgresAway = false
  var fullLanes: Set<String> = []
  var isClaimRefused = false
  var grant = LeaseGrant()
  var isDraining = false

  init() {}

  init(of state: borrowing WorkerState) {
    servers = state.scheduler.reads.mapValues(\.facts)
    readingWaits = state.scheduler.readingWaits
    credit = state.scheduler.credit.used
    commits = state.scheduler.commitFacts
    hasReady = state.scheduler.hasReady
    ownsNothing = state.ownsNothing
    redis = state.redis.standing(of: state.scheduler)
    isPostgresAway = state.postgres.awaySince != nil
    fullLanes = state.fullLanes
    isClaimRefused = state.claimRefusal != nil
    grant = state.grant
    isDraining = state.scheduler.isDraining
  }

  /// The signals of the tasks that wait for the difference between an earlier state and this one.
  func signals(after before: WorkerFacts) -> WorkerSignals {
    var signals: WorkerSignals = []
    if isReadable(after: before) { signals.insert(.readable) }
    if isDraining, commits != before.commits { signals.insert(.committable) }
    if hasOtherServers(than: before) { signals.insert(.population) }
    if redis.awaySince != before.redis.awaySince || isClaimRefused != before.isClaimRefused { signals.insert(.leases) }
    if grant != before.grant || before.isClaimRefused && !isClaimRefused { signals.insert(.ownership) }
    if isPostgresAway != before.isPostgresAway { signals.formUnion([.postgres, .eviction, .reconciliation]) }
    if fullLanes != before.fullLanes { signals.insert(.eviction) }
    if isDraining != before.isDraining {
      signals.formUnion([.drain, .readable, .committable, .population, .ownership, .leases, .postgres])
    }
    return signals
  }

  private func hasOtherServers(than before: WorkerFacts) -> Bool {
    servers.count != before.servers.count || servers.contains { before.servers[$0.key]?.needsDoorbell != $0.value.needsDoorbell }
  }

  /// Whether a reader that waited may read now: its server has news, or there is room for what waits in Redis.
  private func isReadable(after before: WorkerFacts) -> Bool {
    let isFreed = credit < before.credit
    if before.readingWaits, isFreed || commits.readyEntries < before.commits.readyEntries { return true }
    if servers.count != before.servers.count { return true }
    for (server, facts) in servers {
      guard let known = before.servers[server] else { return true }
      if isFreed && facts.isDue || facts.isDue && !known.isDue || facts.hasDueChecks && !known.hasDueChecks { return true }
      if facts.isHeard != known.isHeard || known.readsAlone && !facts.readsAlone { return true }
    }
    return false
  }

  /// Whether entries may have become ready for a writer since an earlier state.
  func wakesOneWriter(after before: WorkerFacts) -> Bool { hasReady && commits != before.commits }
}

extension WorkerState {
  /// Returns the effects of all events since the last call, and does what follows from every release of a lane.
  package mutating func takeEffects() -> WorkerEffects {
    let before = facts
    followReleases()
    redis.forget(except: scheduler, before: before.ownsNothing ? nil : before.redis)
    facts = WorkerFacts(of: self)
    if facts.isPostgresAway != before.isPostgresAway {
      for lane in scheduler.lanes.keys { observation.noteChange(lane) }
    }
    var taken = effects
    effects = WorkerEffects()
    taken.signals.formUnion(facts.signals(after: before))
    taken.wakesOneWriter = facts.wakesOneWriter(after: before)
    taken.notices += scheduler.takeHaltEvents().map(WorkerNotice.init)
    return taken
  }

  /// Lanes were released, by an event or by the scheduler itself: nothing is shown or published of them any more, and those that may be
  /// served are expected to be acquired again.
  private mutating func followReleases() {
    let left = scheduler.takeReleased().filter { scheduler.lanes[$0] == nil }
    guard !left.isEmpty else { return }
    expect(left)
    for lane in left {
      observation.remove(lane)
      turns.released(lane)
      trust.released(lane)
      views[lane] = nil
      fullLanes.remove(lane)
    }
    effects.signals.formUnion([.ownership, .advanced])
  }
}

extension WorkerNotice {
  fileprivate init(_ event: HaltReport.Event) {
    switch event {
    case .halted(let lane, let reason, let hint): self = .laneHalted(lane, reason: reason, hint: hint)
    case .resumed(let lane): self = .laneResumed(lane)
    }
  }
}
