import Logging
import Metrics
import Testing
import TidemarkConfiguration
import TidemarkCore
import TidemarkPostgres
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin
@testable import TidemarkEngine

@Suite struct WorkerAdminSourceTests {
  private static let lanes = LaneCatalog(prefix: "tidemark", partitions: nil, items: [LaneItem(streams: "a", start: .oldest)])
  private static let settings = WorkerSettings(
    flow: FlowLimits(
      maxEntries: 10, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 10,
      haltBackoff: .seconds(1)),
    decode: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false),
    retry: RetryPolicy(base: .milliseconds(50), cap: .seconds(1)), lanes: lanes, writers: 1,
    discover: .seconds(1), leaseTTL: .seconds(10), checkpointInterval: .seconds(10), retention: RetentionLimits(dedupeWindow: .seconds(60)))

  private func source(_ coordinator: LaneCoordinator, redis: String, postgres: String) throws -> WorkerAdminSource {
    try source({ await coordinator.status() }, { await coordinator.turn() }, redis: redis, postgres: postgres)
  }

  private func source(
    _ status: @escaping @Sendable () async -> WorkerStatus, _ turn: @escaping @Sendable () async -> Void, redis: String, postgres: String
  ) throws -> WorkerAdminSource {
    let registry = PrometheusRegistry()
    Counter(label: "tidemark_retries_total", dimensions: [("class", "transient")], factory: registry).increment()
    let read = try ConfigurationLoader(environment: [:]).load()
    return try WorkerAdminSource(
      identity: WorkerIdentity(name: "w1", host: "host-1", pid: 7), worker: status, turn: turn, registry: registry,
      redis: try RedisConfiguration(url: redis), postgres: try PostgresConfiguration(url: postgres), schema: "tide",
      leaseTTL: .seconds(10), settings: { _ in [:] }, lanes: { Self.lanes }, read: { read }, version: "1.2.3", logger: Logger(label: "test")
    )
  }

  private func migrate(_ server: PostgresServer) async throws {
    let connection = try PostgresConnection(configuration: try PostgresConfiguration(url: server.url), logger: Logger(label: "test"))
    try await connection.connect(deadline: .seconds(60))
    try await Migrator(connection: connection, schema: "tide", logger: Logger(label: "test")).migrate()
    await connection.close()
  }

  @Test func `a worker is ready once both servers answer, the schema fits and it has leases`() async throws {
    try await withServers { servers in
      let coordinator = LaneCoordinator(settings: Self.settings)
      let bare = try source(coordinator, redis: servers.redis.url, postgres: servers.postgres.url)
      let reasons = await bare.reasonsNotReady()
      #expect(reasons.count == 2)
      #expect(reasons.first?.hasSuffix("run `tidemark migrate`") == true)
      #expect(reasons.last?.hasPrefix("leases:") == true)
      await bare.close()

      try await migrate(servers.postgres)
      let owned = record("a", read: 3)
      await coordinator.perform {
        $0.leaseRenewed(now: $1.now)
        _ = $0.hold(LeaseGrant(shards: [0: 1]))
        $0.acquire([owned], at: .only, now: $1.now)
      }
      let ready = try source(coordinator, redis: servers.redis.url, postgres: servers.postgres.url)
      #expect(await ready.reasonsNotReady() == [])
      #expect(ready.isAlive())
      let metrics = await ready.metrics().split(separator: "\n")
      for line in [
        "tidemark_redis_up 1", "tidemark_postgres_up 1", "tidemark_redis_eviction_safe 1", "tidemark_dead_letters_open 0",
        "tidemark_gaps_open 0", "tidemark_entries_read_total{lane=\"a\"} 3",
      ] { #expect(metrics.contains(Substring(line)), "\(line)") }
      // The ledger answers but does not know the lane.
      #expect(await ready.status().lanes.isEmpty)

      // On a busy machine the steps so far may have taken longer than a lease.
      await coordinator.perform {
        $0.leaseRenewed(now: $1.now)
        $0.beginDrain(now: $1.now)
      }
      try await waitUntil("it says that it is stopping") {
        await ready.reasonsNotReady() == ["worker: it is stopping; another worker acquires its lanes"]
      }
      await ready.close()
    }
  }

  @Test func `without servers a worker says where it looked, and tells the lanes that it remembers`() async throws {
    let coordinator = LaneCoordinator(settings: Self.settings)
    let owned = record("a", read: 3)
    await coordinator.perform {
      _ = $0.hold(LeaseGrant(shards: [0: 1]))
      $0.acquire([owned], at: .only, now: $1.now)
    }
    let source = try source(coordinator, redis: "redis://127.0.0.1:1/0", postgres: "postgresql://nobody@127.0.0.1:1/none")
    let reasons = await source.reasonsNotReady()
    #expect(reasons.count == 3)
    #expect(reasons[0].hasPrefix("redis: ") && reasons[0].contains("127.0.0.1:1") && reasons[0].hasSuffix("correct redis.url"))
    #expect(reasons[1].hasPrefix("postgres: ") && reasons[1].contains("127.0.0.1") && reasons[1].hasSuffix("correct postgres.url"))
    let report = await source.status()
    #expect(report.lanes.map(\.read) == [3])
    #expect(!report.postgres.isUp)
    let metrics = await source.metrics()
    #expect(metrics.contains("tidemark_redis_up 0\n"))
    #expect(metrics.contains("tidemark_postgres_up 0\n"))
    #expect(!metrics.contains("tidemark_dead_letters_open"))
    #expect(!metrics.contains("tidemark_redis_eviction_safe"))
    await source.close()
  }

  @Test func `a worker that is held up is alive for a while, and what it does not tell is absent`() async throws {
    let (held, release) = AsyncStream.makeStream(of: Void.self)
    let wait = Gate(held)
    // A caller that waits for the worker gets its answer in the end, and the assertions below then find what they must not find.
    let rescue = Task {
      try await Task.sleep(for: .seconds(60))
      release.finish()
    }
    defer { rescue.cancel() }
    let source = try source(
      {
        await wait.pass(); return worker([])
      }, { await wait.pass() }, redis: "redis://127.0.0.1:1/0",
      postgres: "postgresql://nobody@127.0.0.1:1/none")
    // The answer comes at once, however often it is requested.
    for _ in 0..<100 { #expect(source.isAlive()) }
    let metrics = await source.metrics()
    #expect(metrics.contains("tidemark_retries_total{class=\"transient\"} 1\n"))
    #expect(metrics.contains("tidemark_redis_up 0\n"))
    #expect(!metrics.contains("tidemark_lanes{"))
    #expect(await source.reasonsNotReady().contains { $0.hasPrefix("worker: it has not answered within 2 s") })
    let report = await source.status()
    #expect(report.lanes.isEmpty && !report.redis.isUp && !report.postgres.isUp)
    release.finish()
    try await waitUntil("it tells again") { await source.metrics().contains("tidemark_lanes{") }
    await source.close()
  }

  @Test func `a schema of another version is answered with how to fix it`() async throws {
    try await withServers { servers in
      try await migrate(servers.postgres)
      let coordinator = LaneCoordinator(settings: Self.settings)
      let newest = Migration.all.last?.version ?? 0
      for (change, hint) in [
        ("UPDATE tide.migrations SET version = version + 10 WHERE version = \(newest)", "run the release that migrated it"),
        ("DELETE FROM tide.migrations WHERE version > 1", "run `tidemark migrate`"),
      ] {
        try await servers.postgres.psql(change)
        let source = try source(coordinator, redis: servers.redis.url, postgres: servers.postgres.url)
        // The lease must not be a reason, however long the servers took.
        let reasons = await source.reasonsNotReady().filter { !$0.hasPrefix("leases:") }
        #expect(reasons.count == 1)
        #expect(reasons.first?.hasSuffix(hint) == true)
        await source.close()
      }
    }
  }

  @Test func `leases are current while they are younger than their time to live`() {
    #expect(Readiness.leaseProblem(.seconds(9), .seconds(10)) == nil)
    #expect(Readiness.leaseProblem(.milliseconds(12_345), .seconds(10))?.hasPrefix("leases: renewed 12.3 s ago") == true)
    #expect(Readiness.leaseProblem(nil, .seconds(10)) != nil)
  }
}

/// A gate that is closed until its stream ends.
private actor Gate {
  private let opened: Task<Void, Never>

  init(_ stream: AsyncStream<Void>) {
    opened = Task { for await _ in stream {} }
  }

  func pass() async { await opened.value }
}
