internal import TidemarkCore
internal import TidemarkPostgres
internal import TidemarkRedis

/// One benchmark at work: its connections, and the measurements that ``Benchmark`` puts together.
struct BenchSession: Sendable {
  let place: BenchPlace
  let postgres: PostgresConnection
  let redis: RedisKeyspace
  let subscription: RedisKeyspace
  let watch: MarkWatch
  let startWorker: StartWorker
  let folder: String?
  let progress: BenchProgress

  /// Without a mark for so long something is wrong that waiting doesn't fix.
  private static let patience = Duration.seconds(120)

  /// Connects and claims the place. Throws with nothing left behind.
  static func open(
    _ place: BenchPlace, startWorker: @escaping StartWorker, folder: String?, progress: BenchProgress
  ) async throws -> BenchSession {
    let postgres = try await place.connect()
    do {
      let redis = place.keyspace()
      try await place.claim(on: postgres, redis)
      let watch = MarkWatch(place.lanes)
      let subscription = place.keyspace()
      // The nodes of a Cluster tell each other what is published: any of them will do.
      if let node = try await subscription.connections().first { try await watch.subscribe(on: node) }
      return BenchSession(
        place: place, postgres: postgres, redis: redis, subscription: subscription, watch: watch, startWorker: startWorker, folder: folder,
        progress: progress)
    } catch {
      await postgres.close()
      throw error
    }
  }

  /// Removes everything, on connections of its own: the measurement's may be lost. Runs to its end in a cancelled task too.
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
    // The claim goes last.
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

  /// A backlog, drained by a new worker, and the limit of its rows.
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

  /// Throughput and lag with one batch size.
  func sweepPoint(_ size: Int, rate: Int, _ plan: BenchPlan) async throws -> SweepResult.Point {
    let changes = try await backlog(.mix, plan)
    return try await withWorker(["batch.max_entries": "\(size)"]) { worker, start in
      let seconds = try await drained(worker, from: start, plan)
      try await verify(changes: plan.changes, messages: changes.messages)
      let (lag, _) = try await lag(at: rate, plan, worker)
      return SweepResult.Point(maxEntries: size, changesPerSecond: Double(plan.changes) / seconds, lag: lag)
    }
  }

  /// Commit lag at each rate, with one worker; each beside a round trip of its own moment.
  func lags(_ plan: BenchPlan) async throws -> [LagResult] {
    try await place.reset(postgres, redis)
    return try await withWorker([:]) { worker, _ in
      var results: [LagResult] = []
      for rate in plan.rates {
        progress.begin("lag")
        let roundTrip = try await roundTrip(plan)
        let (lag, late) = try await lag(at: rate, plan, worker)
        results.append(LagResult(rate: rate, seconds: plan.duration.inSeconds, lag: lag, sentLate: late, roundTrip: roundTrip))
      }
      return results
    }
  }

  /// The lag at a rate, and how late the load was sent.
  private func lag(at rate: Int, _ plan: BenchPlan, _ worker: any BenchWorker) async throws -> (lag: LagSummary, sentLate: LagSummary) {
    progress.say("\(rate) changes a second")
    var changes = BenchChanges(.mix, sessions: plan.sessions, lanes: place.lanes, seed: plan.seed &+ UInt64(rate))
    let writer = LoadWriter(redis: redis, lanes: place.lanes.names, watch: watch)
    try await place.settle(postgres)
    // Connections are made and statements prepared by the first changes; what is measured is the state after that.
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

  /// An empty place with a backlog in it; answers what was written.
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

  /// Seconds from the worker's start to the last durable mark.
  private func drained(_ worker: any BenchWorker, from start: ContinuousClock.Instant, _ plan: BenchPlan) async throws -> Double {
    progress.say("draining \(plan.changes) changes")
    let end = try await settled(worker, within: Self.patience + .milliseconds(2 * plan.changes))
    return start.duration(to: end).inSeconds
  }

  /// The clock starts before the process does.
  private func withWorker<T: Sendable>(
    _ settings: [String: String], _ body: (any BenchWorker, ContinuousClock.Instant) async throws -> T
  ) async throws -> T {
    let start = ContinuousClock.now
    // In a task of its own: a worker that is half started can't be stopped.
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

  /// Waits until all that was sent is durable, or the worker ends, or patience does.
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
          hint: "measure less with --changes or --rate, or look at the servers")
      }
      defer { tasks.cancelAll() }
      guard let moment = try await tasks.next() else { throw CancellationError() }
      return moment
    }
  }

  /// Only a complete and clean drain is worth a figure.
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
