import Logging
import Metrics
import Testing
import TidemarkPostgres
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin
@testable import TidemarkCore
@testable import TidemarkEngine

@Suite struct DeadLetterReplayTests {
  private static let identity = WorkerIdentity(name: "w1", host: "host-1", pid: 7)

  /// A migrated schema with the lane `a`, and dead letters of messages that were never in Redis.
  private struct Scene {
    var servers: Servers
    var sink: PostgresSink

    func store() throws -> DeadLetterStore { try DeadLetterReplayTests.store(servers) }

    func sql(_ text: String) async throws { try await sink.query(text) }

    func value(_ text: String) async throws -> String? { try await sink.query(text).string(0, 0) }

    /// Adds the letters 1 to `count` of the session `late`.
    func addLetters(_ count: Int) async throws -> [Int64] {
      try await sql(
        """
        insert into tide.dead_letters (lane, entry_ms, entry_no, session_id, reason, detail, raw, raw_complete)
        select 'a', n, 0, 'late', 'constraint', '',
               array(select convert_to(t, 'UTF8') from unnest(array['type', 'message.appended', 'session', 'late', 'role', 'user',
                     'content', 'late ' || n]) with ordinality as f (t, place) order by place), true
          from generate_series(1, \(count)) n
        """)
      return Array(1...Int64(count))
    }
  }

  private static func sink(_ servers: Servers) throws -> PostgresSink {
    try PostgresSink(
      configuration: try PostgresConfiguration(url: servers.postgres.url),
      settings: SinkSettings(schema: "tide", dedupeWindow: .seconds(86_400)), destinations: RouteTable.builtIn.destinations,
      version: "test",
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private static let lanes = LaneCatalog(prefix: "tide", partitions: nil, items: [LaneItem(streams: "a", start: .oldest)])

  private static func store(_ servers: Servers) throws -> DeadLetterStore {
    try DeadLetterStore(
      sink: sink(servers), schema: "tide", routes: RouteTable.builtIn,
      limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false),
      lanes: LaneCatalog(prefix: "tide", partitions: nil))
  }

  private func withScene(_ body: (Scene) async throws -> Void) async throws {
    try await withServers { servers in
      let configuration = try PostgresConfiguration(url: servers.postgres.url)
      let connection = try PostgresConnection(configuration: configuration, logger: Logger(label: "test"))
      try await connection.connect(deadline: .seconds(60))
      try await Migrator(connection: connection, schema: "tide", logger: Logger(label: "test")).migrate()
      await connection.close()
      let sink = try Self.sink(servers)
      try await sink.makeInstallation(prefix: "tide", partitions: 1)
      try await sink.register([NewLane(name: "a", shard: Shard.of("a"), position: .zero, baseline: 0)])
      try await body(Scene(servers: servers, sink: sink))
    }
  }

  /// Runs `body` with a worker that owns the lane `a`.
  private func withWorker(_ scene: Scene, _ body: (Worker) async throws -> Void) async throws {
    let settings = WorkerSettings(
      flow: FlowLimits(
        maxEntries: 100, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltBackoff: .seconds(1)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(50)), lanes: Self.lanes, writers: 1, discover: .milliseconds(50),
      leaseTTL: .seconds(10), checkpointInterval: .seconds(10),
      retention: RetentionLimits(dedupeWindow: .seconds(60)))
    let worker = Worker(
      identity: Self.identity, settings: settings,
      source: RedisLaneSource(try RedisConfiguration(url: scene.servers.redis.url), lanes: Self.lanes), sink: scene.sink,
      routes: RouteTable.builtIn, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await worker.run() }
      try await body(worker)
      tasks.cancelAll()
    }
  }

  @Test func `between the transactions of a replay the lane goes on, and is never given up for it`() async throws {
    try await withScene { scene in
      let letters = try await scene.addLetters(600)
      try await withWorker(scene) { worker in
        var written = 0
        func write() async throws {
          written += 1
          try await scene.servers.redis.command(
            "XADD", "a", "*", "type", "message.appended", "session", "s", "role", "user", "content", "message \(written)")
          try await waitUntil("message \(written) is in Postgres") {
            try await scene.value("select count(*) from tide.messages where session_id = 's'") == "\(written)"
          }
        }
        try await write()
        let fence = try await scene.value("select fence from tide.lanes")
        let ownership = await worker.coordinator.scheduler.lanes["a"]?.ownership
        let replay = try scene.store().makeReplay()
        var sizes: [Int] = []
        try await replay.run(letters) { replays in
          sizes.append(replays.count)
          #expect(replays.allSatisfy { $0.outcome == .replayed(.applied) })
          // If the replay locked the lane here, this would never end.
          try await write()
        }
        await replay.close()
        #expect(sizes.reduce(0, +) == 600)
        #expect(sizes.count > 2 && sizes.allSatisfy { $0 <= ReplayPace.most })
        #expect(try await scene.value("select fence from tide.lanes") == fence)
        #expect(await worker.coordinator.scheduler.lanes["a"]?.ownership == ownership)
        #expect(try await scene.value("select count(*) from tide.messages where session_id = 'late'") == "600")
        #expect(
          try await scene.value("select count(*) || '|' || count(distinct no) || '|' || max(no) from tide.changes")
            == "\(600 + written)|\(600 + written)|\(600 + written)")
        #expect(try await scene.value("select count(*) from tide.dead_letters where resolution = 'replayed'") == "600")
      }
    }
  }

  private actor Told {
    private(set) var letters: [Int64: [String]] = [:]

    func add(_ letter: Int64, _ what: String) { letters[letter, default: []].append(what) }
  }

  private static func name(_ outcome: DeadLetterReplay.Outcome) -> String {
    switch outcome {
    case .replayed(.applied): "applied"
    case .replayed(.resolvedBefore(let resolution)): resolution
    case let other: "\(other)"
    }
  }

  @Test func `of two replays and a discard of the same letters one wins each, and the others learn how`() async throws {
    try await withScene { scene in
      let letters = try await scene.addLetters(300)
      let told = Told()
      try await withThrowingTaskGroup { tasks in
        for _ in 1...2 {
          let replay = try scene.store().makeReplay()
          tasks.addTask {
            try await replay.run(letters) { replays in
              for (letter, outcome) in replays { await told.add(letter, Self.name(outcome)) }
            }
            await replay.close()
          }
        }
        // The second replay begins at the other end, so that the two meet.
        let store = try scene.store()
        tasks.addTask {
          for letter in letters.reversed() {
            switch try await store.discard([letter], because: "it is late").first?.outcome {
            case .resolvedBefore(let resolution): await told.add(letter, resolution)
            case .discarded: await told.add(letter, "discard won")
            case nil: await told.add(letter, "there is none")
            }
          }
        }
        try await tasks.waitForAll()
      }
      let resolutions = try await scene.sink.query("select id, resolution from tide.dead_letters")
      var applied = 0
      for row in 0..<resolutions.rowCount {
        let id = try #require(resolutions.int64(row, 0))
        let all = await told.letters[id, default: []].sorted()
        switch resolutions.string(row, 1) {
        case "replayed":
          applied += 1
          #expect(all == ["applied", "replayed", "replayed"], "letter \(id)")
        case let resolution:
          #expect(resolution == "discarded: it is late")
          #expect(all == ["discard won", "discarded: it is late", "discarded: it is late"], "letter \(id)")
        }
      }
      #expect(applied > 0 && applied < 300, "\(applied) were applied: they did not meet")
      #expect(try await scene.value("select count(*) from tide.messages") == "\(applied)")
      #expect(try await scene.value("select max(no) from tide.changes") == "\(applied)")
      #expect(try await scene.value("select applied_no from tide.lanes") == "\(applied)")
    }
  }

  @Test func `a letter that there is not is told before anything is applied, and one that fails holds up no other`() async throws {
    try await withScene { scene in
      let letters = try await scene.addLetters(20)
      let replay = try scene.store().makeReplay()
      let error = await #expect(throws: UnknownDeadLetter.self) { try await replay.run(letters + [99]) { _ in } }
      #expect(error?.number == 99)
      #expect(try await scene.value("select count(*) from tide.messages") == "0")
      // This entry always fails its whole transaction.
      try await scene.sql(
        """
        create function tide.refuse() returns trigger language plpgsql as
          $$ begin if new.content = 'late 7' then raise exception 'no' using errcode = 'XX001'; end if; return new; end $$
        """)
      try await scene.sql("create trigger refuse before insert on tide.messages for each row execute function tide.refuse()")
      try await scene.sql("update tide.dead_letters set lane = 'gone' where id = 20")
      try await scene.sql("update tide.dead_letters set raw_complete = false where id = 19")
      var outcomes: [Int64: DeadLetterReplay.Outcome] = [:]
      try await replay.run(letters) { replays in for (letter, outcome) in replays { outcomes[letter] = outcome } }
      #expect(outcomes.count == 20)
      #expect(outcomes.filter { $0.value == .replayed(.applied) }.count == 17)
      for letter in [7, 19, 20] as [Int64] {
        guard case .impossible = outcomes[letter] else { throw ServerError(.misuse, "\(letter): \(outcomes)") }
      }
      #expect(outcomes[20] == .impossible("the lane gone is not known; discard dead letter 20"))
      #expect(try await scene.value("select count(*) from tide.messages") == "17")
      await replay.close()
    }
  }
}
