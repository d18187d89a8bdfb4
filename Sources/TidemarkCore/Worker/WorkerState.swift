/// Everything by which a worker decides: its lanes, its shards, the servers that it reaches, and what it may publish.
///
/// It is a value without I/O, clock and random numbers. A shell calls an event, which is a mutating method, and then executes what
/// ``takeEffects()`` returns: the signals to raise and the lines to log. An event does not choose whom to wake. ``takeEffects()`` compares
/// the state with that of its previous call, in one place, so that an event can't forget a task that waits for its change.
///
/// The value can be copied, so that a test may compare it with an earlier state. The actor that holds it never hands it out as a whole.
package struct WorkerState: Sendable {
  package internal(set) var settings: WorkerSettings
  package internal(set) var scheduler: LaneScheduler
  var observation = ObservationPlan()
  /// What is shown of each owned lane.
  package internal(set) var views: [String: LaneView] = [:]
  /// The turns of the background jobs among the owned lanes.
  var turns = LaneTurns()

  var redis = RedisReachability()
  var postgres = PostgresReachability()

  /// The shards whose lanes may be served.
  package internal(set) var grant = LeaseGrant()
  var leaseRenewedAt: ContinuousClock.Instant?
  /// The reason why no lane may be served: Redis and the ledger do not belong together.
  package internal(set) var claimRefusal: ClaimRefused?

  /// What Postgres has committed for this worker.
  package internal(set) var evidence = CommitEvidence()
  /// The ledger from which the lanes were acquired.
  package internal(set) var ledger = KnownLedger()
  /// The lanes whose streams were replaced, until they are acquired in their next incarnation.
  package internal(set) var pendingReplacements = PendingReplacements()
  /// The lanes whose marks may be published, and over which connection.
  var trust = MarkTrust()

  /// The lanes that discovery may not find, and that must nevertheless be acquired or set aside.
  package internal(set) var expected = ExpectedLanes()
  /// The items of `lanes` that took effect.
  package internal(set) var items = ItemsInEffect()
  /// The requests of operators for lanes.
  var controls = LaneControls()

  /// What fails at the moment, for the status.
  var failures = WorkerFailures()
  /// The time for which reading stood still because the buffer was full.
  var backpressure: Duration = .zero
  /// The owned lanes whose server has reached `pressure.memory`.
  var fullLanes: Set<String> = []
  /// The time at which a drain began; nil before.
  var drainBegan: ContinuousClock.Instant?

  /// The effects of events that no comparison of the state shows.
  var effects = WorkerEffects()
  /// The state at the last call of ``takeEffects()``, as far as tasks wait for changes of it.
  var facts = WorkerFacts()

  /// - Parameter blockingLanes: the number of lanes of one server that are all named in one blocking read.
  package init(settings: WorkerSettings, blockingLanes: Int = ReadPlan.Pace().blockingLanes) {
    self.settings = settings
    var pace = ReadPlan.Pace()
    pace.blockingLanes = blockingLanes
    scheduler = LaneScheduler(limits: settings.flow, pace: pace)
    facts = WorkerFacts(of: self)
  }

  package var isDraining: Bool { scheduler.isDraining }

  package var laneNames: [String] { Array(scheduler.lanes.keys) }

  package var ownsNothing: Bool { scheduler.lanes.isEmpty }

  /// Applies the settings that a reload may change: limits, waits, lanes, and how long rows are kept.
  package mutating func apply(_ new: WorkerSettings, now: ContinuousClock.Instant) {
    tune(new)
    revive(.all, now: now)
  }

  /// Applies settings that an operator tuned. Unlike a reload, it does not try halted lanes again.
  package mutating func tune(_ new: WorkerSettings) {
    settings.flow = new.flow
    settings.retry = new.retry
    if settings.lanes != new.lanes { reconfigure(new.lanes) }
    settings.trim = new.trim
    settings.pressure = new.pressure
    settings.functions = new.functions
    settings.retention = new.retention
    settings.evictIdleAfter = new.evictIdleAfter
    settings.snapshots = new.snapshots
    settings.sealInterval = new.sealInterval
    settings.reconciliation = new.reconciliation
    settings.notInForce = new.notInForce
    settings.tuningRefused = new.tuningRefused
    scheduler.limits = new.flow
    // Each of these tasks acts by settings. Those that wait for a restart are noted with the leases.
    effects.signals.formUnion([.committable, .readable, .population, .ownership, .retention, .eviction, .reconciliation, .leases])
  }

  /// Begins a drain: nothing more is read, and what was read is committed. ``nextRead(at:block:now:)`` and then ``nextWork(now:)`` return
  /// `.end`.
  package mutating func beginDrain(now: ContinuousClock.Instant) {
    drainBegan = drainBegan ?? now
    scheduler.beginDrain()
  }

  /// Returns when a drain is given up: at its deadline, or once Postgres has been away for `patience` of it; nil while there is no drain.
  package func drainLimit(deadline: Duration, patience: Duration) -> ContinuousClock.Instant? {
    guard let drainBegan else { return nil }
    let end = drainBegan.advanced(by: deadline)
    guard let awaySince = postgres.awaySince else { return end }
    return min(end, max(awaySince, drainBegan).advanced(by: patience))
  }
}

/// The reasons why parts of a worker's work fail at the moment, as the status names them.
struct WorkerFailures: Sendable {
  /// The reason why the last turn of the leases failed.
  var leases: String?
  /// The reason why marks could not be published at the last attempt.
  var marks: String?
  /// The reasons why lanes could not be acquired at the last attempt, of one server or of all.
  var acquisition: [String] = []
  /// The lanes that have no row in the ledger, because Redis refuses to inspect them.
  var unregistered: [String: String] = [:]
}
