import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkOutcomeTests {
  /// A commit takes as long as somebody holds this advisory lock.
  private static let slowCommit = """
    create function tide.dawdle() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger dawdle after insert on tide.context_history deferrable initially deferred
      for each row execute function tide.dawdle()
    """

  private static let entry = HandMade(5, "context.set", "s", [("key", "k"), ("value", "1")])

  /// The backend that waits for the lock.
  private static func waiter(_ sink: SinkFixture) async throws -> String? {
    try await sink.one(
      "select pid from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())"
    )
  }

  @Test(arguments: [CommitMode.fast, .exact]) func `a backend that dies within COMMIT leaves the outcome to the cursor`(mode: CommitMode)
    async throws
  {
    try await withSink { sink in
      try await sink.connection.script(Self.slowCommit, deadline: generous)
      _ = try await sink.one("select pg_advisory_lock(4711)")
      let record = try await sink.lane()
      let batch = sink.batch([(record, [Self.entry])])
      async let failed = sinkFailure { try await sink.writer.commit(batch, mode) }
      try await waitUntil("the commit waits") { try await Self.waiter(sink) != nil }
      let pid = try #require(try await Self.waiter(sink))
      try await sink.server.adminPsql("select pg_terminate_backend(\(pid), 10000)")
      let error = try await failed
      #expect(error.isOutcomeUnknown)
      _ = try await sink.one("select pg_advisory_unlock(4711)")
      let settled = try await sink.writer.settledLanes([record.laneID])
      #expect(settled == [record])
      #expect(CommitResolution(batch, settled) == .notCommitted)
      // So it is sent again, over the connection that the writer opened.
      #expect(try await sink.writer.commit(batch, mode) == BatchOutcome(batch))
      let after = try await sink.writer.settledLanes([record.laneID])
      #expect(CommitResolution(batch, after) == .committed(after))
      #expect(try await sink.one("select count(*) from tide.changes") == "1")
    }
  }

  @Test func `a commit that outlives its connection is ended before the cursor is read`() async throws {
    try await withPostgres { server in
      let sink = try await SinkFixture(server)
      try await sink.connection.script(Self.slowCommit, deadline: generous)
      _ = try await sink.one("select pg_advisory_lock(4711)")
      let record = try await sink.lane()
      let batch = sink.batch([(record, [Self.entry])])
      let writer = sink.writer
      async let failed = sinkFailure { try await writer.commit(batch, .fast) }
      try await waitUntil("the commit waits") { try await Self.waiter(sink) != nil }
      let pid = try #require(try await Self.waiter(sink))
      // The writer drops its connection, the server does not know yet.
      try await sink.server.adminPsql("select pg_terminate_backend(\(pid), 0)")
      _ = try await failed
      let settled = try await writer.settledLanes([record.laneID])
      #expect(try await sink.one("select count(*) from pg_stat_activity where pid = \(pid)") == "0")
      #expect(CommitResolution(batch, settled) == .notCommitted)
      _ = try await sink.one("select pg_advisory_unlock(4711)")
      await writer.close()
    }
  }

  @Test func `a backend that lives on behind a lost connection is ended before the cursor is read`() async throws {
    try await withSink { sink in
      let record = try await sink.lane()
      let before = try await connect(to: sink.server)
      try await before.script("begin; update tide.lanes set applied_no = 7", deadline: generous)
      let writer = try #require(sink.writer as? PostgresWriter)
      await writer.lost(before.backend)
      #expect(try await writer.settledLanes([record.laneID]) == [record])
      #expect(try await sink.one("select count(*) from pg_stat_activity where pid = \(try before.pid)") == "0")
      _ = try await failure { try await before.script("commit", deadline: generous) }
    }
  }

  @Test func `a lost connection before COMMIT is known not to have committed`() async throws {
    try await withSink { sink in
      let record = try await sink.lane()
      try await sink.connection.script("begin; select from tide.lanes for update", deadline: generous)
      let batch = sink.batch([(record, (1...500).map { HandMade($0, "messages.cleared") })])
      async let failed = sinkFailure { try await sink.writer.commit(batch, .fast) }
      let blocked = "select pid from pg_stat_activity where datname = '\(sink.server.database)' and wait_event_type = 'Lock'"
      try await waitUntil("the fence waits") { try await !sink.server.adminPsql(blocked).isEmpty }
      try await sink.server.adminPsql("select pg_terminate_backend(pid, 10000) from (\(blocked)) b")
      let error = try await failed
      #expect(error.kind == .fault(.interrupted))
      #expect(!error.isOutcomeUnknown)
      try await sink.connection.script("rollback", deadline: generous)
      #expect(try await sink.writer.commit(batch, .fast) == BatchOutcome(batch))
      #expect(try await sink.lane().cursor.appliedNo == 500)
    }
  }
}

extension PostgresWriter {
  /// As if this backend had been ours until the connection was lost.
  func lost(_ backend: BackendIdentity?) { lastBackend = backend }
}
