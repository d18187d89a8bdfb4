package import Logging
package import TidemarkCore

/// The one place where reader, writers and ownership meet: a shell around ``LaneScheduler`` that lets each of them wait.
package actor LaneCoordinator {
  var scheduler: LaneScheduler
  var settings: WorkerSettings
  /// For writers: a transaction may be ready. One is woken at a time, and wakes the next when there is more.
  let committable = ChangeSignal()
  /// Cursors moved.
  let advanced = ChangeSignal()
  /// For the reader: lanes may have news, or there may be credit.
  let readable = ChangeSignal()
  var observation = ObservationPlan()
  /// What is told of each lane of ours.
  var views: [String: LaneView] = [:]
  /// Why which server can't be read, and since when it can't be reached.
  var redisErrors: [LaneServer: String] = [:]
  var redisAway: [LaneServer: ContinuousClock.Instant] = [:]
  /// The same of Redis as a whole, while no lane is ours.
  var redisErrorWithoutLanes: String?
  var redisAwayWithoutLanes: ContinuousClock.Instant?
  /// The shards whose lanes may be served.
  var grant = LeaseGrant()
  var leaseRenewedAt: ContinuousClock.Instant?
  /// What Postgres has committed for this worker.
  private(set) var evidence = CommitEvidence()
  var backpressure: Duration = .zero
  /// Which ledger the lanes were taken up from.
  var ledger: LedgerIdentity?
  /// Over which connection the ledger was asked last.
  var ledgerConnection: String?
  /// Lanes whose turn to be compared with the ledger comes before all others have had theirs.
  var comparing: [String] = []
  var trimTurn = 0
  /// Lanes whose streams turned out to be other ones, until they are taken up in their next incarnation.
  var pendingReplacements = PendingReplacements()
  /// Why no lane may be served: Redis and the ledger don't belong together.
  var claimRefusal: ClaimRefused?
  /// Raised when marks in Redis turned out to be another installation's.
  nonisolated let claimDoubted = ChangeSignal()
  /// Lanes that discovery may not find, and that are to be taken up or set aside all the same.
  var expected = ExpectedLanes()
  /// Items of `lanes` that took effect.
  var items = ItemsInEffect()
  /// Raised when the settings change, or the shards that may be served, and when a lane was given up that may be taken up again.
  nonisolated let ownership = ChangeSignal()
  /// Raised when leases are worth a look: others changed something, or this worker's part in it is another.
  nonisolated let leasesChanged = ChangeSignal()
  /// Raised when a lane may get its mirroring group. Until it has it a stream that was made anew may look trimmed: not to be put off.
  let mirrorable = ChangeSignal()
  /// Raised when there may be more or fewer lanes to read.
  let population = ChangeSignal()
  /// Raised when other rows may be kept, or for another time.
  nonisolated let retentionChanged = ChangeSignal()

  /// What operators want of lanes.
  var controls = LaneControls()
  /// Why Postgres can't be reached, and since when; nil while it can.
  var postgres = FailureReport()
  var postgresAwaySince: ContinuousClock.Instant?
  /// Raised when Postgres can't be reached any more, or can again, and when a drain begins.
  nonisolated let postgresChanged = ChangeSignal()
  /// Raised when another worker or an operator has changed something in the ledger.
  nonisolated let controlsChanged = ChangeSignal()
  /// Why the last turn of the leases failed; nil where it did not.
  var leaseError: String?
  /// Why marks could not be published at the last try; nil where they could.
  var marksError: String?
  /// Why lanes of shards that this worker may serve are not taken up, and which of them have no row in the ledger.
  var acquisitionErrors: [String] = []
  var unregistered: [String: String] = [:]
  nonisolated let clock: any WorkerClock
  let logger: Logger

  /// - Parameter blockingLanes: of one server, see ``StreamReader/blockingLanes``.
  package init(
    settings: WorkerSettings, blockingLanes: Int = ReadPlan.Pace().blockingLanes,
    clock: any WorkerClock = SystemClock(), logger: Logger = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
  ) {
    self.settings = settings
    self.clock = clock
    self.logger = logger
    var pace = ReadPlan.Pace()
    pace.blockingLanes = blockingLanes
    scheduler = LaneScheduler(limits: settings.flow, pace: pace)
  }

  // Reading

  /// What the reader does next.
  enum ReaderTask {
    case read(LaneReadRequest)
    case check([ExpectedStream])
  }

  /// The next read of a server, as soon as a lane may have news and there is credit, or the next look at what it says of lanes. Nil: no more
  /// reading.
  func nextRead(at server: LaneServer, block: Duration) async -> ReaderTask? {
    while !Task.isCancelled, scheduler.knows(server) {
      let seen = readable.generation
      let next = scheduler.nextRead(at: server, block: block, now: clock.now)
      if case .nothing = next, scheduler.isDraining { return nil }
      let waits = scheduler.readingWaits
      let start = clock.now
      switch next {
      case .read(let request): return .read(request)
      case .check(let lanes): return .check(lanes)
      case .wait(let until): await readable.wait(after: seen, until: until, on: clock)
      case .nothing: await readable.wait(after: seen)
      }
      if waits { backpressure += start.duration(to: clock.now) }
    }
    return nil
  }

  /// Lanes were held against what Redis says of them. Answers what was found, lane by lane.
  func checked(_ comparisons: [StreamComparison]) -> [StreamVerdict] {
    let verdicts = comparisons.map { comparison in
      // The finding may be the end of it here.
      let owned = scheduler.lanes[comparison.lane.lane]
      let verdict = scheduler.checked(comparison)
      if let owned { pendingReplacements.note(verdict, comparison, owned.record) }
      // Nothing of it was ever seen, and nothing is there. Whoever takes lanes up makes sure of it once more.
      if verdict == .sound, comparison.observed.stream == nil, owned?.profile.isServedWithoutStream != true {
        _ = scheduler.setAside(comparison.lane.lane)
      }
      return verdict
    }
    if scheduler.hasReady { committable.raiseForOne() }
    sayHalts()
    tellLeft(comparisons.map(\.lane.lane))
    return verdicts
  }

  /// Any stream of a server may be another now.
  func reconnected(to server: LaneServer) {
    scheduler.checkAll(at: server)
    readable.raise()
  }

  /// The table itself may have given some of these lanes up: wakes whoever takes lanes up.
  func tellLeft(_ lanes: some Sequence<String>) {
    let left = lanes.filter { scheduler.lanes[$0] == nil }
    guard !left.isEmpty else { return }
    expect(left)
    keepRedisState()
    for lane in left {
      observation.remove(lane)
      views[lane] = nil
    }
    ownership.raise()
  }

  func received(_ block: EntryBlock, for request: LaneReadRequest) {
    scheduler.received(block, for: request, now: clock.now)
    for section in block.sections { observation.noteChange(request.positions[section.lane].lane) }
    if scheduler.hasReady { committable.raiseForOne() }
  }

  func overran(_ request: LaneReadRequest) {
    scheduler.overran(request)
  }

  func closed(_ request: LaneReadRequest) -> LaneScheduler.ClosedRead {
    scheduler.closed(request)
  }

  func readFailed(_ request: LaneReadRequest) {
    scheduler.readFailed(request)
  }

  /// They are checked with a later round.
  func deferred(_ lanes: [ExpectedStream]) {
    scheduler.deferred(lanes)
  }

  func checkFailed(_ lanes: [ExpectedStream]) {
    scheduler.checkFailed(lanes)
  }

  // Committing

  /// The next transaction's worth, as soon as there is one. Nil: drained.
  func nextWork() async -> LaneScheduler.Work? {
    while !Task.isCancelled {
      let seen = committable.generation
      let stoodStill = scheduler.readingWaits
      switch scheduler.nextWork(now: clock.now) {
      case .work(let work):
        if stoodStill { readable.raise() }
        if scheduler.hasReady { committable.raiseForOne() }
        return work
      case .wait(let until): await committable.wait(after: seen, until: until, on: clock)
      case .nothing:
        if scheduler.isDrained { return nil }
        await committable.wait(after: seen)
      }
    }
    return nil
  }

  func finish(_ part: LaneScheduler.Work.Part, _ result: LaneScheduler.PartResult) {
    finish([(part, result)])
  }

  /// Several lanes of a transaction are decided: whoever waits is woken once.
  func finish(_ decided: [(part: LaneScheduler.Work.Part, result: LaneScheduler.PartResult)]) {
    let now = clock.milliseconds
    let stoodStill = scheduler.readingWaits
    for (part, result) in decided {
      let name = part.record.name
      scheduler.finish(part, result, now: clock.now)
      if case .halted(let reason, let hint) = result {
        views[name, default: LaneView()].error = .init(text: reason, hint: hint)
      } else {
        views[name]?.error = nil
      }
      if case .committed(let record, _) = result {
        views[name, default: LaneView()].commit = now
        observation.moved(name)
        if record.cursor.appliedNo > part.record.cursor.appliedNo { evidence.batches += 1 }
        if !record.isMirrored, views[name]?.isMirrorTried != true {
          views[name]?.isMirrorTried = true
          mirrorable.raise()
        }
      } else {
        observation.noteChange(name)
      }
    }
    sayHalts()
    advanced.raise()
    tellLeft(decided.map(\.part.record.name))
    if scheduler.isDraining {
      committable.raise()
    } else if scheduler.hasReady {
      committable.raiseForOne()
    }
    if stoodStill || scheduler.isDue { readable.raise() }
  }

  /// Entries were not committed, but could have been.
  func dryRunPassed() { evidence.batches += 1 }

  /// These lanes' transaction has to be tried again.
  func waitsForPostgres(_ lanes: [String], _ error: String) {
    scheduler.waitsForPostgres(lanes, true)
    for lane in lanes where scheduler.lanes[lane] != nil {
      views[lane, default: LaneView()].error = .init(text: error, hint: nil)
      observation.noteChange(lane)
    }
  }

  /// Waits, but hardly beyond the beginning of a drain: whoever stops us waits, too.
  func pause(for duration: Duration) async {
    let deadline = clock.now.advanced(by: duration)
    let seen = drainBegan.generation
    if !scheduler.isDraining { await drainBegan.wait(after: seen, until: deadline, on: clock) }
    guard scheduler.isDraining, !Task.isCancelled else { return }
    try? await clock.sleep(until: min(deadline, clock.now.advanced(by: .milliseconds(500))))
  }

  /// The same for a batch that Postgres has not taken; not beyond the first success of any other one after an outage.
  func pauseForPostgres(for duration: Duration) async {
    let deadline = clock.now.advanced(by: duration)
    let seen = postgresChanged.generation
    guard !scheduler.isDraining else { return await pause(for: duration) }
    await postgresChanged.wait(after: seen, until: deadline, on: clock)
  }

  private let drainBegan = ChangeSignal()

  // Ownership

  /// Gives lanes up. Those of shards that may be served are expected to be taken up again.
  func release(_ lanes: [String]) {
    guard !lanes.isEmpty else { return }
    let away = redisAwaySince
    defer { keepRedisState(away) }
    for lane in lanes {
      scheduler.release(lane)
      observation.remove(lane)
      views[lane] = nil
    }
    expect(lanes)
    committable.raise()
    readable.raise()
    population.raise()
  }

  func leaseRenewed() {
    leaseRenewedAt = clock.now
    evidence.renewals += 1
  }

  /// What a reload may change: limits, waits, lanes, and how long rows are kept.
  package func apply(_ new: WorkerSettings) {
    settings.flow = new.flow
    settings.retry = new.retry
    if settings.lanes != new.lanes { reconfigure(new.lanes) }
    settings.trim = new.trim
    settings.pressure = new.pressure
    settings.retention = new.retention
    settings.notInForce = new.notInForce
    scheduler.limits = new.flow
    revive(.all)
    committable.raise()
    readable.raise()
    population.raise()
    ownership.raise()
    retentionChanged.raise()
    // Which settings wait for a restart is noted with the leases.
    leasesChanged.raise()
  }

  /// No more reading; what waits is committed. ``nextRead(at:block:)`` and then ``nextWork()`` answer nil.
  package func beginDrain() {
    scheduler.beginDrain()
    drainBegan.raise()
    postgresChanged.raise()
    committable.raise()
    readable.raise()
    population.raise()
    ownership.raise()
    leasesChanged.raise()
  }

  var isDraining: Bool { scheduler.isDraining }

  /// Returns once a drain has begun, or when the task is cancelled.
  func draining() async {
    while !scheduler.isDraining, !Task.isCancelled {
      let seen = drainBegan.generation
      if !scheduler.isDraining { await drainBegan.wait(after: seen) }
    }
  }

  /// Returns once every lane's cursor is at least at its entry, or when the task is cancelled.
  package func caughtUp(with entries: [String: EntryID]) async {
    while !Task.isCancelled {
      let seen = advanced.generation
      if entries.allSatisfy({ (scheduler.lanes[$0.key]?.record.cursor.position ?? .zero) >= $0.value }) { return }
      await advanced.wait(after: seen)
    }
  }
}
