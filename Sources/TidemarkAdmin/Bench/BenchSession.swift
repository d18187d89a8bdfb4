internal import TidemarkCore
internal import TidemarkPostgres
internal import TidemarkRedis

/// A running benchmark: its connections, and the measurements that ``Benchmark`` combines.
struct BenchSession: Sendable {
  let place: BenchPlace
  let postgres: PostgresConnection
  let redis: RedisKeyspace
  let subscription: RedisKeyspace
  let watch: MarkWatch
  let startWorker: StartWorker
  let folder: String?
  let progress: BenchProgress

  /// The time without a mark after which the measurement has failed.
  private static let patience = Duration.seconds(120)

  /// Connects and claims the schema and the prefix. If it throws, nothing is left behind.
  static func open(
    _ place: BenchPlace, startWorker: @escaping StartWorker, folder: String?, progress: BenchProgress
  ) async throws -> BenchSession {
    let postgres = try await place.connect()
    do {
      let redis = place.keyspace()
      try await place.claim(on: postgres, redis)
      let watch = MarkWatch(place.lanes)
      let subscription = place.keyspace()
      // The nodes of a Cluster forward published messages to each other, so one subscription to any of them is enough.
      if let node = try await subscription.connections().first { try await watch.subscribe(on: node) }
      return BenchSession(
        place: place, postgres: postgres, redis: redis, subscription: subscription, watch: watch, startWorker: startWorker, folder: folder,
        progress: progress)
    } catch {
      await postgres.close()
      throw error
    }
  }

  /// Removes the schema and the keys over new connections, because those of the measurement may be lost. Completes in a cancelled task,
  /// too.
  func end() async throws {
    progress.end("removing the schema and the keys")
    let removal = Task {
      let (fresh, freshRedis) = (try await place.connect(), place.keyspace())
      try await place.remove(fresh, freshRedis)
      await fresh.close()
      await freshRedis.close()
    }
    let outcome = await removal.result
    await subscription.close()
    await redis.close()
    // The connection that holds the claim must be closed last.
    await postgres.close()
    try outcome.get()
  }

  func roundTrip(_ plan: BenchPlan) async throws -> LagSummary {
    try await place.settle(postgres)
    guard let summary = try await RoundTrip.measure(plan.roundTrips, schema: place.schema, on: postgres) else {
      throw Finding(.problem, "bench", "no round trip was measured")
    }
    return summary
  }

  /// Writes a backlog, lets a new worker drain it, and measures the COPY limit of its rows.
  func drain(_ load: BenchLoad, _ plan: BenchPlan) async throws -> DrainResult {
    let changes = try await backlog(load, plan)
    let (seconds, usage) = try await withWorker([:]) { worker, start in
      (try await drained(worker, from: start, plan), worker.usage())
    }
    try await verify(changes: plan.changes, messages: changes.messages)
    let copy = CopyLimit(place: place, connection: postgres, folder: folder)
    let tables = try await copy.tables()
    let limit = try await copy.measure(tables, changes: plan.changes) { progress.say("the limit, \($0)") }
    return DrainResult(
      load: load, changes: plan.changes, bytesPerChange: changes.bytes / plan.changes, seconds: seconds, usage: usage,
      tables: Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0.rows) }), limit: limit)
  }

  /// Measures throughput and lag for one batch size.
  func sweepPoint(_ size: Int, rate: Int, _ plan: BenchPlan) async throws -> SweepResult.Point {
    let changes = try await backlog(.mix, plan)
    return try await withWorker(["batch.max_entries": "\(size)"]) { worker, start in
      let seconds = try await drained(worker, from: start, plan)
      try await verify(changes: plan.changes, messages: changes.messages)
      let (lag, _) = try await lag(at: rate, plan, worker)
      return SweepResult.Point(maxEntries: size, changesPerSecond: Double(plan.changes) / seconds, lag: lag)
    }
  }

  /// Measures the commit lag at each rate with one worker, and a round trip just before each rate.
  func lags(_ plan: BenchPlan) async throws -> [LagResult] {
    try await place.reset(postgres, redis)
    return try await withWorker([:]) { worker, _ in
      var results: [LagResult] = []
      for rate in plan.rates {
        progress.begin("lag")
        let roundTrip = try await roundTrip(plan)
        let (lag, late) = try await lag(at: rate, plan, worker)
        results.append(LagResult(rate: rate, seconds: plan.duration.seconds, lag: lag, sentLate: late, roundTrip: roundTrip))
      }
      return results
    }
  }

  /// Measures the lag at a rate, and the delay with which the load was sent.
  private func lag(at rate: Int, _ plan: BenchPlan, _ worker: any BenchWorker) async throws -> (lag: LagSummary, sentLate: LagSummary) {
    progress.say("\(rate) changes per second")
    var changes = BenchChanges(.mix, sessions: plan.sessions, lanes: place.lanes, seed: plan.seed &+ UInt64(rate))
    let writer = LoadWriter(redis: redis, lanes: place.lanes.names, watch: watch)
    try await place.settle(postgres)
    // The first changes open connections and prepare statements; the measurement begins after them.
    watch.begin()
    _ = try await writer.writeSteadily(rate: rate, for: min(plan.duration, .seconds(1)), of: &changes)
    _ = try await settled(worker, within: Self.patience)
    watch.begin()
    let late = try await writer.writeSteadily(rate: rate, for: plan.duration, of: &changes)
    _ = try await settled(worker, within: Self.patience + plan.duration)
    guard let lag = watch.lags.summary, let sentLate = late.summary else {
      throw Finding(.problem, "bench", "no lag was measured")
    }
    return (lag, sentLate)
  }

  /// Resets the installation and writes a backlog into it. Returns the changes that were written.
  private func backlog(_ load: BenchLoad, _ plan: BenchPlan) async throws -> BenchChanges {
    try await place.reset(postgres, redis)
    var changes = BenchChanges(load, sessions: plan.sessions, lanes: place.lanes, seed: plan.seed)
    watch.begin()
    try await LoadWriter(redis: redis, lanes: place.lanes.names, watch: watch).writeBacklog(plan.changes, of: &changes) { share in
      progress.say("writing, \(Int(share * 100)) %")
    }
    try await place.settle(postgres)
    return changes
  }

  /// Returns the seconds from the worker's start to the last durable mark.
  private func drained(_ worker: any BenchWorker, from start: ContinuousClock.Instant, _ plan: BenchPlan) async throws -> Double {
    progress.say("draining \(plan.changes) changes")
    let end = try await settled(worker, within: Self.patience + .milliseconds(2 * plan.changes))
    return start.duration(to: end).seconds
  }

  /// Runs `body` with a worker. The clock starts before the worker's process.
  private func withWorker<T: Sendable>(
    _ settings: [String: String], _ body: (any BenchWorker, ContinuousClock.Instant) async throws -> T
  ) async throws -> T {
    let start = ContinuousClock.now
    // The start runs in its own task, because a half-started worker can't be stopped.
    let worker = try await Task { [startWorker] in try await startWorker(settings) }.value
    do {
      let result = try await body(worker, start)
      await worker.stop()
      return result
    } catch {
      await worker.stop()
      throw error
    }
  }

  /// Waits until all sent changes are durable. Throws if the worker ends, or if no mark arrives for ``patience``.
  private func settled(_ worker: any BenchWorker, within limit: Duration) async throws -> ContinuousClock.Instant {
    try await withThrowingTaskGroup(of: ContinuousClock.Instant.self) { tasks in
      tasks.addTask { try await watch.settled() }
      tasks.addTask {
        guard let words = await worker.waitForEnd() else { throw CancellationError() }
        throw Finding(.problem, "bench", "the worker ended: \(words)")
      }
      tasks.addTask {
        try await Task.sleep(for: limit)
        throw Finding(
          .problem, "bench", "the worker did not make everything durable within \(limit)",
          hint: "reduce --changes or --rate, or check the servers")
      }
      defer { tasks.cancelAll() }
      guard let moment = try await tasks.next() else { throw CancellationError() }
      return moment
    }
  }

  /// Throws unless the drain was complete and clean, because only then its figures are valid.
  private func verify(changes: Int, messages: Int) async throws {
    let schema = try PostgresIdentifier.quoted(place.schema)
    let counts = try await postgres.query(
      """
      SELECT (SELECT count(*) FROM \(schema).changes) AS changes, (SELECT count(*) FROM \(schema).messages) AS messages,
             (SELECT count(*) FROM \(schema).dead_letters) AS dead_letters
      """, deadline: BenchPlace.deadline)
    let found = ["changes", "messages", "dead_letters"].map { counts.int64(0, $0) ?? -1 }
    guard found == [Int64(changes), Int64(messages), 0] else {
      throw Finding(
        .problem, "bench",
        "the drain is not clean: \(found[0]) of \(changes) changes, \(found[1]) of \(messages) messages, \(found[2]) dead letters")
    }
  }
}
