import Logging
import Testing
import TidemarkCore
import TidemarkEngine
import TidemarkPostgres
import TidemarkRedis
import TidemarkTestKit

@testable import TidemarkAdmin

@Suite struct StatusReaderTests {
  private static let lanes = LaneCatalog(prefix: "tidemark", partitions: 16)
  private static func lanes(_ items: String...) -> LaneCatalog { lanes.with(items: items.map { LaneItem(streams: $0, start: .oldest) }) }

  private static let identity = WorkerIdentity(name: "w1", host: "host-1", pid: 7)

  /// A migrated schema with one lane that has no owner.
  private struct Scene {
    var servers: Servers
    var sink: PostgresSink
    var source: RedisLaneSource
    var reader: StatusReader

    /// Acquires the leases of all shards.
    func own() async throws {
      _ = try await sink.renew(StatusReaderTests.identity, canServe: true, for: .seconds(60))
      _ = try await sink.take(Array(0..<Shard.count), for: StatusReaderTests.identity, ttl: .seconds(60))
    }

    func sql(_ text: String) async throws { try await sink.query(text) }

    func add(_ count: Int, to lane: String = "a") async throws {
      for _ in 0..<count { try await servers.redis.command("XADD", lane, "*", "type", "x") }
    }
  }

  private func withScene(_ lanes: [String] = ["a"], _ body: (Scene) async throws -> Void) async throws {
    try await withServers { servers in
      let configuration = try PostgresConfiguration(url: servers.postgres.url)
      let logger = Logger(label: "test")
      let connection = try PostgresConnection(configuration: configuration, logger: logger)
      try await connection.connect(deadline: .seconds(60))
      try await Migrator(connection: connection, schema: "tide", logger: logger).migrate()
      await connection.close()
      let sink = try PostgresSink(
        configuration: configuration, settings: SinkSettings(schema: "tide", dedupeWindow: .seconds(60)), destinations: [],
        version: "1.2.3", logger: logger)
      let source = RedisLaneSource(try RedisConfiguration(url: servers.redis.url), lanes: Self.lanes)
      let reader = try StatusReader(sink: sink, source: source, schema: "tide", leaseTTL: .seconds(10), lanes: { Self.lanes }) { _ in
        ["batch.max_entries": .init(value: "5000", source: "default")]
      }
      try await sink.register(lanes.map { NewLane(name: $0, shard: 3, position: .zero, baseline: 0) })
      try await body(Scene(servers: servers, sink: sink, source: source, reader: reader))
      await source.close()
    }
  }

  @Test func `without a worker the lanes are unowned and their lag is known`() async throws {
    try await withScene { scene in
      try await scene.add(3)
      let report = try await scene.reader.read()
      let lane = try #require(report.lanes.first)
      #expect(lane.state == "unowned")
      #expect(lane.owner == nil)
      #expect(lane.entryID == "0-0")
      #expect(lane.lagEntries == 3)
      #expect(try #require(lane.lagSeconds) >= 0)
      #expect(lane.deadLettersOpen == 0)
      #expect(lane.since?.hasSuffix("Z") == true)
      #expect(report.workers.isEmpty)
      #expect(report.settings["batch.max_entries"]?.value == "5000")
      #expect(report.redis == .init(isUp: true))
    }
  }

  @Test func `a live lease owns its lanes, and an expired one does not`() async throws {
    try await withScene { scene in
      try await scene.own()
      let fence = try #require(try await scene.sink.lanes(named: ["a"]).first).fence
      try await scene.sink.note([
        LaneNote(lane: "a", fence: fence, state: .halted, lastError: "no such table", hint: "make it")
      ])
      let owned = try await scene.reader.read()
      let lane = try #require(owned.lanes.first)
      #expect([lane.state, lane.owner, lane.lastError, lane.hint] == ["halted", "w1", "no such table", "make it"])
      #expect(lane.fence == fence)
      let worker = try #require(owned.workers.first)
      #expect(worker.worker == "w1")
      #expect(worker.host == "host-1")
      #expect(worker.pid == 7)
      #expect(worker.version == "1.2.3")
      #expect(worker.isAlive == true)
      #expect(worker.shards == 64)
      #expect(worker.lanes == 1)

      try await scene.sql("UPDATE tide.lanes SET since = now() - interval '1 h'")
      try await scene.sql("UPDATE tide.leases SET expires_at = clock_timestamp() - interval '1 s'")
      try await scene.sql("UPDATE tide.workers SET seen_at = clock_timestamp() - interval '11 s'")
      let dead = try await scene.reader.read()
      #expect(dead.lanes.first?.state == "unowned")
      #expect(dead.lanes.first?.owner == nil)
      // The last error of the dead owner is still useful.
      #expect(dead.lanes.first?.lastError == "no such table")
      // The lane has been without an owner since the lease ended, not since it halted.
      let ended = try await scene.sink.query("SELECT expires_at AT TIME ZONE 'UTC' AS at FROM tide.leases WHERE shard = 3").string(0, "at")
      #expect(dead.lanes.first?.since?.prefix(19).replacing("T", with: " ") == ended?.prefix(19))
      #expect(dead.workers.first?.isAlive == false)
      #expect(dead.workers.first?.shards == 0)
    }
  }

  @Test func `counts and open dead letters come from the ledger`() async throws {
    try await withScene { scene in
      try await scene.sql(
        """
        UPDATE tide.lanes SET read_total = 10, applied_total = 6, duplicates_total = 1, ephemeral_total = 1, dead_letters_total = 2,
          ordinal = 12, baseline = 2, entry_ms = 17, entry_no = 4
        """)
      try await scene.sql(
        """
        INSERT INTO tide.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete, resolved_at)
        VALUES ('a', 1, 1, 'bad_json', '', '{}', true, NULL), ('a', 2, 1, 'bad_json', '', '{}', true, now())
        """)
      let lane = try #require(try await scene.reader.read().lanes.first)
      #expect(lane.entryID == "17-4")
      #expect([lane.read, lane.applied, lane.duplicates, lane.ephemeral, lane.deadLetters, lane.baseline] == [10, 6, 1, 1, 2, 2])
      #expect(lane.deadLettersOpen == 1)
      #expect(lane.accountingError == 0)
      #expect(lane.lagEntries == 0)
    }
  }

  @Test func `a rate is what came since the newest checkpoint that is two seconds old`() async throws {
    try await withScene(["a", "b", "c"]) { scene in
      try await scene.own()
      try await scene.sql("UPDATE tide.lanes SET read_total = 500, applied_total = 400, ordinal = 500, dead_letters_total = 100")
      func checkpoint(_ lane: String, ago seconds: Double, _ read: Int, _ applied: Int) async throws {
        try await scene.sql(
          """
          INSERT INTO tide.checkpoints (lane, taken_at, entry_ms, entry_no, incarnation, applied_no, read_total, applied_total, worker, seal)
          VALUES ('\(lane)', now() - interval '\(seconds) s', 1, 0, 1, 0, \(read), \(applied), 'w1', '')
          """)
      }
      for lane in ["a", "c"] { try await checkpoint(lane, ago: 10_000, 0, 0) }
      try await checkpoint("a", ago: 100, 100, 200)
      try await checkpoint("a", ago: 0, 500, 400)
      let report = try await scene.reader.read()
      // The time between the two statements is part of the interval.
      #expect((3.5...4).contains(try #require(report.lanes[0].readPerSecond)))
      #expect((1.7...2).contains(try #require(report.lanes[0].appliedPerSecond)))
      #expect(report.lanes[1].appliedPerSecond == nil)
      #expect((0.03...0.04).contains(try #require(report.lanes[2].appliedPerSecond)))
      #expect((1.7...2.1).contains(try #require(report.appliedPerSecond)))
      #expect((3.5...4.1).contains(try #require(report.readPerSecond)))

      try await scene.sql("UPDATE tide.leases SET expires_at = clock_timestamp() - interval '1 s'")
      #expect(try await scene.reader.read().lanes.map(\.appliedPerSecond) == [0, 0, 0])
    }
  }

  @Test func `the age of a lane that is partly applied is that of its next entry`() async throws {
    try await withScene { scene in
      let now = Int64(try await scene.source.currentMilliseconds(beside: "a"))
      for age in [Int64(90_000), 30_000] { try await scene.servers.redis.command("XADD", "a", "\(now - age)-0", "type", "x") }
      try await scene.sql("UPDATE tide.lanes SET entry_ms = \(now - 90_000), ordinal = 1, read_total = 1, applied_total = 1")
      let lane = try #require(try await scene.reader.read().lanes.first)
      #expect(lane.lagEntries == 1)
      #expect((30.0..<80).contains(try #require(lane.lagSeconds)))
    }
  }

  @Test func `a lane whose key is no stream hides nothing of the others`() async throws {
    try await withScene(["a", "b"]) { scene in
      try await scene.servers.redis.command("SET", "a", "text")
      try await scene.add(2, to: "b")
      let lanes = try await scene.reader.read().lanes
      #expect(lanes.map(\.lagEntries) == [nil, 2])
    }
  }

  @Test func `without Redis the lag is null and its absence is said`() async throws {
    try await withScene { scene in
      await scene.servers.redis.kill()
      let report = try await scene.reader.read()
      #expect(report.lanes.first?.lagEntries == nil)
      #expect(report.lanes.first?.lagSeconds == nil)
      #expect(!report.redis.isUp)
      #expect(report.redis.error != nil)
    }
  }

  @Test func `an owner's memory wins over the ledger, but only under its own fence`() async throws {
    try await withScene { scene in
      try await scene.own()
      let record = try #require(try await scene.sink.lanes(named: ["a"]).first)
      var mine = lane("a", .waitingPostgres, lag: LaneLag(entries: 5, seconds: 2))
      mine.record = record
      mine.lastError = "deadlock"
      let known = try #require(try await scene.reader.read(overlaying: worker([mine])).lanes.first)
      #expect([known.state, known.lastError] == ["waiting_postgres", "deadlock"])
      #expect(known.lagEntries == 5)
      #expect(known.since == nil)
      mine.record.fence -= 1
      #expect(try await scene.reader.read(overlaying: worker([mine])).lanes.first?.state == "idle")
    }
  }

  @Test func `without Postgres a reader throws, and a worker tells what it remembers`() async throws {
    try await withServers { servers in
      let sink = try PostgresSink(
        configuration: try PostgresConfiguration(url: "postgresql://nobody@127.0.0.1:1/none"),
        settings: SinkSettings(schema: "tide", dedupeWindow: .zero), destinations: [], version: "1", logger: Logger(label: "test"))
      let source = RedisLaneSource(try RedisConfiguration(url: servers.redis.url), lanes: Self.lanes)
      let reader = try StatusReader(sink: sink, source: source, schema: "tide", leaseTTL: .seconds(10), lanes: { Self.lanes }) { _ in [:] }
      await #expect(throws: SinkError.self) { try await reader.read() }
      let report = reader.remembered(
        worker([lane("a", .waitingPostgres, read: 4, lag: LaneLag(entries: 1, seconds: 1))]), by: Self.identity, postgresError: "refused")
      #expect(report.lanes.map(\.state) == ["waiting_postgres"])
      #expect(report.lanes.map(\.deadLettersOpen) == [nil])
      #expect(report.lanes.map(\.lagEntries) == [1])
      #expect(report.workers.map(\.worker) == ["w1"])
      #expect(report.workers.map(\.shards) == [nil])
      #expect(report.postgres == .init(isUp: false, error: "refused"))
      await source.close()
    }
  }

  @Test func `a stream that the configuration names counts before any worker has registered it`() async throws {
    try await withScene { scene in
      let reader = try StatusReader(
        sink: scene.sink, source: scene.source, schema: "tide", leaseTTL: .seconds(10), lanes: { Self.lanes("a", "b", "c") }
      ) { _ in [:] }
      try await scene.add(3, to: "b")
      let report = try await reader.read()
      #expect(report.lanes.map(\.lane) == ["a", "b"])
      #expect(report.lanes.map(\.state) == ["unowned", "unowned"])
      #expect(report.lanes.map(\.lagEntries) == [0, 3])
      #expect(report.lanes.last?.lastError == "no worker has acquired the lane yet")
      #expect(report.lag().entries == 3)
    }
  }

  @Test func `a stream that a pattern of the configuration matches counts before any worker has registered it`() async throws {
    try await withScene { scene in
      let reader = try StatusReader(
        sink: scene.sink, source: scene.source, schema: "tide", leaseTTL: .seconds(10), lanes: { Self.lanes("a", "jobs:1", "jobs:*", "a*") }
      ) { _ in [:] }
      for (stream, count) in [("a", 1), ("jobs:1", 2), ("jobs:2", 3), ("other", 4)] { try await scene.add(count, to: stream) }
      try await scene.servers.redis.command("SET", "jobs:3", "text")
      let report = try await reader.read()
      #expect(report.lanes.map(\.lane) == ["a", "jobs:1", "jobs:2"])
      #expect(report.lanes.map(\.state) == ["unowned", "unowned", "unowned"])
      #expect(report.lag().entries == 6)
      #expect(report.lanes.last?.appliedPerSecond == 0)
      // A deleted stream and a registered one are reported correctly, however old the cached search is.
      try await scene.servers.redis.command("DEL", "jobs:1")
      try await scene.sink.register([NewLane(name: "jobs:2", shard: 3, position: .zero, baseline: 0)])
      let later = try await reader.read()
      #expect(later.lanes.map(\.lane) == ["a", "jobs:2"])
      #expect(later.lanes.last?.lastError == nil)
    }
  }

  @Test func `a user who may not read entries still learns how many wait`() async throws {
    try await withScene { scene in
      try await scene.add(3)
      try await scene.servers.redis.command("ACL", "SETUSER", "poor", "on", ">secret", "~*", "&*", "+@all", "-xrange", "-xrevrange")
      let url = scene.servers.redis.url.replacing("redis://", with: "redis://poor:secret@")
      let source = RedisLaneSource(try RedisConfiguration(url: url), lanes: Self.lanes)
      let reader = try StatusReader(sink: scene.sink, source: source, schema: "tide", leaseTTL: .seconds(10), lanes: { Self.lanes }) { _ in
        [:]
      }
      try await scene.sql("UPDATE tide.lanes SET entry_ms = 1, ordinal = 1, read_total = 1, applied_total = 1")
      #expect(try await reader.read().lanes.first?.lagEntries == 2)
      await source.close()
    }
  }

  @Test func `gaps that nobody acknowledged are counted, and said with the dead letters`() async throws {
    try await withScene { scene in
      let insert = "INSERT INTO tide.gaps (lane, incarnation, after_ms, after_no, missing, cause, acknowledged_at) VALUES"
      try await scene.sql(insert + " ('a', 1, 0, 0, 4, 'trimmed', NULL), ('a', 1, 1, 0, 4, 'trimmed', now())")
      let report = try await scene.reader.read()
      #expect(report.lanes.first?.gapsOpen == 1)
      #expect(report.openProblems == "1 gap")
      #expect(StatusTable(report).render().contains("1 gap: see `tidemark dead-letters list`"))
    }
  }
}
