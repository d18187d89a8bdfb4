package import Logging
package import TidemarkCore

/// Serializes the events of one worker's ``WorkerState``, executes their effects, and lets tasks wait. It decides nothing.
///
/// A property of the state is read as a property of the coordinator. Every event, and every question with arguments, goes through
/// ``perform(_:)``.
@dynamicMemberLookup
package actor LaneCoordinator {
  private var state: WorkerState
  nonisolated let signals = SignalBoard()
  nonisolated let clock: any WorkerClock
  private let logger: Logger

  /// - Parameter blockingLanes: of one server, see ``StreamReader/blockingLanes``.
  package init(
    settings: WorkerSettings, blockingLanes: Int = ReadPlan.Pace().blockingLanes,
    clock: any WorkerClock = SystemClock(), logger: Logger = Logger(label: "tidemark") { _ in SwiftLogNoOpLogHandler() }
  ) {
    state = WorkerState(settings: settings, blockingLanes: blockingLanes)
    self.clock = clock
    self.logger = logger
  }

  package subscript<Value: Sendable>(dynamicMember member: any KeyPath<WorkerState, Value> & Sendable) -> Value { state[keyPath: member] }

  /// Hands an event and its time to the state, and executes what follows from it: wakes the tasks that wait for the change, and logs.
  @discardableResult
  package func perform<Result: Sendable>(_ event: @Sendable (inout WorkerState, WorkerTime) -> Result) -> Result {
    let result = event(&state, clock.time)
    let effects = state.takeEffects()
    signals.raise(effects)
    for notice in effects.notices { notice.log(to: logger) }
    return result
  }

  /// Returns once this actor is free: a task that holds it up delays this call.
  package func turn() {}

  package func status() -> WorkerStatus { state.status(now: clock.now) }

  /// Records a failed request to Postgres, unless the task was told to end it.
  func postgresFailed(_ error: any Error) {
    if !Task.isCancelled { perform { $0.postgresFailed(error, now: $1.now) } }
  }

  // Reading and committing

  /// A step of a reader.
  enum ReaderTask {
    case read(LaneReadRequest)
    case check([ExpectedStream])
  }

  /// Returns the next read of a server, or the next check of its lanes, as soon as there is one; nil once reading has ended.
  func nextRead(at server: LaneServer, block: Duration) async -> ReaderTask? {
    while !Task.isCancelled {
      let seen = signals[.readable].generation
      let waits = state.readingWaits
      let until: ContinuousClock.Instant?
      switch perform({ $0.nextRead(at: server, block: block, now: $1.now) }) {
      case .read(let request): return .read(request)
      case .check(let lanes): return .check(lanes)
      case .end: return nil
      case .wait(let moment): until = moment
      }
      let start = clock.now
      await wait(for: .readable, after: seen, until: until)
      if waits { state.readingWaited(for: start.duration(to: clock.now)) }
    }
    return nil
  }

  /// Returns the next transaction's entries, as soon as there are any; nil once a drain is over.
  func nextWork() async -> LaneScheduler.Work? {
    while !Task.isCancelled {
      let seen = signals[.committable].generation
      switch perform({ $0.nextWork(now: $1.now) }) {
      case .work(let work): return work
      case .end: return nil
      case .wait(let until): await wait(for: .committable, after: seen, until: until)
      }
    }
    return nil
  }

  private func wait(for signal: WorkerSignals, after seen: UInt64, until moment: ContinuousClock.Instant?) async {
    if let moment {
      await signals[signal].wait(after: seen, until: moment, on: clock)
    } else {
      await signals[signal].wait(after: seen)
    }
  }

  // Shards and drains

  /// Hands shards over, for which it waits until `deadline` at most. Returns those that may be released.
  func drainShards(_ shards: [Int], until deadline: ContinuousClock.Instant) async -> [Int] {
    var seen = signals[.advanced].generation
    let handOver = perform { state, _ in state.beginHandOver(shards) }
    while state.isUnderWay(handOver), clock.now < deadline, !Task.isCancelled {
      await signals[.advanced].wait(after: seen, until: deadline, on: clock)
      seen = signals[.advanced].generation
    }
    return perform { state, _ in state.end(handOver) }
  }

  /// Waits, but not long beyond the beginning of a drain, because whoever stops the worker waits, too.
  func pause(for duration: Duration) async {
    let deadline = clock.now.advanced(by: duration)
    let seen = signals[.drain].generation
    if !state.isDraining { await signals[.drain].wait(after: seen, until: deadline, on: clock) }
    guard state.isDraining, !Task.isCancelled else { return }
    try? await clock.sleep(until: min(deadline, clock.now.advanced(by: .milliseconds(500))))
  }

  /// Waits with a batch that Postgres did not take, but not beyond the first success of another one after an outage.
  func pauseForPostgres(for duration: Duration) async {
    let deadline = clock.now.advanced(by: duration)
    let seen = signals[.postgres].generation
    guard !state.isDraining else { return await pause(for: duration) }
    await signals[.postgres].wait(after: seen, until: deadline, on: clock)
  }

  /// Returns once a drain has begun, or when the task is cancelled.
  func draining() async {
    while !state.isDraining, !Task.isCancelled {
      let seen = signals[.drain].generation
      if !state.isDraining { await signals[.drain].wait(after: seen) }
    }
  }

  /// Returns when a drain is to be given up, see ``WorkerState/drainLimit(deadline:patience:)``.
  func drainIsOver(deadline: Duration, patience: Duration) async {
    await draining()
    while !Task.isCancelled {
      let seen = signals[.postgres].generation
      guard let limit = state.drainLimit(deadline: deadline, patience: patience), clock.now < limit else { return }
      await signals[.postgres].wait(after: seen, until: limit, on: clock)
    }
  }

  /// Returns whether the goals were reached, once they are, or mean nothing any more, or when the task is cancelled.
  package func reaches(_ goals: CommitGoals) async -> Bool {
    while !Task.isCancelled {
      let seen = signals[.advanced].generation
      switch state.progress(towards: goals) {
      case .reached: return true
      case .void: return false
      case .underWay: await signals[.advanced].wait(after: seen)
      }
    }
    return false
  }

  // Servers

  /// Runs `body` once for each server that holds lanes, as they become known, and returns when all have returned. A body must end when
  /// reading ends, and when its server is forgotten.
  nonisolated func forEachServer(_ body: @escaping @Sendable (LaneServer) async -> Void) async {
    let turns = ExclusiveTurns<LaneServer>()
    await withDiscardingTaskGroup { group in
      while let server = await idleServer(turns) {
        // The server may be known again by the time its body ends.
        _ = turns.begin(server, in: &group, { await body(server) }, ended: { [signals] in signals[.population].raise() })
      }
    }
  }

  /// Returns the next server without a body; nil once reading is over.
  private func idleServer(_ turns: ExclusiveTurns<LaneServer>) async -> LaneServer? {
    while !Task.isCancelled, !state.isDraining {
      let seen = signals[.population].generation
      if let server = turns.idle(of: state.servers).first { return server }
      await signals[.population].wait(after: seen)
    }
    return nil
  }

  /// Returns the prefixes to listen for on a server, as soon as these are others than `current`; nil where no doorbell is needed. Returns
  /// nil, too, once reading is over.
  func doorbell(at server: LaneServer, otherThan current: [String]?) async -> [String]? {
    while !Task.isCancelled, !state.isDraining, state.knows(server) {
      let seen = signals[.population].generation
      let wanted = state.doorbellPrefixes(at: server)
      if wanted != current { return wanted }
      await signals[.population].wait(after: seen)
    }
    return nil
  }
}
