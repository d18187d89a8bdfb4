import Logging
import Testing
import TidemarkCore
import TidemarkPostgres
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// The whole worker on a real Postgres, with records that only Postgres sees are bad.
@Suite struct PoisonTests {
  private let source = MemorySource()

  /// A migrated schema and a sink whose statements may take this long.
  private func makeSink(_ server: PostgresServer, statementTimeout: Duration = .seconds(60)) async throws -> PostgresSink {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let connection = try PostgresConnection(configuration: PostgresConfiguration(url: server.url), logger: logger)
    try await connection.connect(deadline: .seconds(60))
    try await Migrator(connection: connection, schema: "tide", logger: logger).migrate()
    await connection.close()
    return try PostgresSink(
      configuration: PostgresConfiguration(url: server.url, statementTimeout: statementTimeout),
      settings: SinkSettings(schema: "tide", dedupeWindow: .seconds(60)), destinations: RouteTable.builtIn.destinations, version: "test",
      logger: logger)
  }

  /// Runs a statement of PL/pgSQL before a message with this content is inserted.
  private func onMessage(_ server: PostgresServer, _ content: String, _ statement: String) async throws {
    try await server.psql(
      """
      create function tide.inspect() returns trigger language plpgsql as $$ begin
        if new.content = '\(content)' then \(statement); end if; return new; end $$;
      create trigger inspect before insert on tide.messages for each row execute function tide.inspect();
      """)
  }

  /// Writes messages, of which those at these places are bad, lets a worker apply them, and checks what became of them.
  private func expectIsolated(_ server: PostgresServer, _ sink: PostgresSink, bad: Set<Int>, of count: Int, sqlstate: String) async throws {
    let ids = (0..<count).map { source.append("a", content: bad.contains($0) ? "bad" : "\($0)") }
    try await RunningWorker(source: source, sink: sink, maxEntries: 5_000, lanes: ["a"], leaseTTL: .milliseconds(300)).run { _ in
      try await waitUntil("the lane has gone on", within: .seconds(120)) { source.durable("a") == ids.last }
    }
    let good = ids.indices.filter { !bad.contains($0) }
    #expect(
      try await server.psql("select string_agg(content, ',' order by entry_ms) from tide.messages")
        == good.map { "\($0)" }.joined(separator: ","))
    #expect(
      try await server.psql("select string_agg(entry_ms::text, ',' order by no) from tide.changes")
        == good.map { "\(ids[$0].ms)" }.joined(separator: ","))
    #expect(
      try await server.psql(
        """
        select string_agg(concat_ws(' ', entry_ms, session_id, reason, sqlstate, raw_complete, convert_from(raw[8], 'UTF8')), ','
          order by entry_ms) from tide.dead_letters
        """) == bad.sorted().map { "\(ids[$0].ms) s rejected_by_postgres \(sqlstate) t bad" }.joined(separator: ","))
    #expect(
      try await server.psql("select read_total, applied_total, dead_letters_total from tide.lanes") == "\(count)|\(good.count)|\(bad.count)"
    )
  }

  @Test func `a record that runs into statement_timeout is a dead letter, and the lane goes on`() async throws {
    try await withPostgres { server in
      let sink = try await makeSink(server, statementTimeout: .milliseconds(500))
      try await onMessage(server, "bad", "perform pg_sleep(30)")
      try await expectIsolated(server, sink, bad: [37], of: 80, sqlstate: "57014")
    }
  }

  @Test func `records that end their backend are dead letters, and the lane goes on`() async throws {
    try await withPostgres { server in
      let sink = try await makeSink(server)
      try await onMessage(server, "bad", "perform pg_terminate_backend(pg_backend_pid())")
      try await expectIsolated(server, sink, bad: [0, 300, 301, 450], of: 600, sqlstate: "57P01")
    }
  }

  @Test func `a Postgres that crashes again and again makes no dead letter`() async throws {
    try await withPostgres(.private) { server in
      let sink = try await makeSink(server)
      try await RunningWorker(source: source, sink: sink, maxEntries: 50, leaseTTL: .milliseconds(30)).run { worker in
        var last: EntryID = .zero
        for round in 0..<6 {
          for index in 0..<200 { last = source.append("a", content: "\(round) \(index)") }
          let before = source.durable("a")
          try await waitUntil("the round has begun") { source.durable("a") != before }
          try await server.stop(mode: .immediate)
          try await waitUntil("the worker has noticed") {
            await worker.coordinator.status().lanes.contains { $0.record.name == "a" && $0.state == .waitingPostgres }
              || source.durable("a") == last
          }
          try await server.start()
        }
        try await waitUntil("everything is durable", within: .seconds(60)) { source.durable("a") == last }
      }
      #expect(try await server.psql("select count(*) from tide.dead_letters") == "0")
      #expect(try await server.psql("select count(*) from tide.messages") == "1200")
    }
  }
}
