import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct PostgresLossTests {
  /// A commit that hangs: the deferred trigger sleeps within COMMIT.
  private static let slowCommit = """
    create table public.slow (n int);
    create function public.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(300); return null; end $$;
    create constraint trigger dawdle after insert on public.slow deferrable initially deferred
      for each row execute function public.dawdle();
    """

  @Test func `a backend ended in the middle of a query is a lost connection`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script("begin", deadline: generous)
      let pid = try connection.pid
      let task = Task { try await connection.query("select pg_sleep(300)", deadline: .seconds(300)) }
      try await waitUntilRunning("select pg_sleep", pid: pid, on: server)
      try await server.adminPsql("select pg_terminate_backend(\(pid))")
      let error = try await failure { try await task.value }
      #expect(error.kind == .connection)
      #expect(error.sqlstate == "57P01")
      #expect(error.isRetryable)
      #expect(!error.outcomeUnknown)
      #expect(await connection.isUsable == false)
      #expect(connection.backend == nil)
      await connection.rollback()
      try await connection.connect(deadline: generous)
      #expect(try connection.pid != pid)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test(arguments: [true, false]) func `a backend ended during COMMIT leaves the outcome unknown`(inPipeline: Bool) async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script(Self.slowCommit, deadline: generous)
      let pid = try connection.pid
      let insert = "insert into public.slow values (1)"
      let task = Task {
        if inPipeline {
          let statements = ["begin", insert, "commit"].map { PostgresStatement(sql: $0) }
          _ = try await connection.pipeline(statements, deadline: .seconds(300))
        } else {
          try await connection.script("begin; \(insert)", deadline: generous)
          try await connection.script("commit", deadline: .seconds(300))
        }
      }
      try await waitUntilRunning("commit", pid: pid, on: server)
      try await server.adminPsql("select pg_terminate_backend(\(pid))")
      let error = try await failure { try await task.value }
      #expect(error.kind == .connection)
      #expect(error.outcomeUnknown)
      #expect("\(error)".contains("outcome of the commit unknown"))
    }
  }

  @Test func `a commit that the server cancelled and reported is known to have failed`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script(Self.slowCommit, deadline: generous)
      try await connection.script("begin; insert into public.slow values (1)", deadline: generous)
      let error = try await failure { try await connection.script("commit", deadline: .milliseconds(100)) }
      #expect(error.kind == .timeout)
      #expect(!error.outcomeUnknown)
      #expect(await connection.transactionStatus == .idle)
      #expect(try await connection.one("select count(*) from public.slow") == "0")
    }
  }

  @Test func `a server that crashes and returns is found again`() async throws {
    try await withPostgres(.private) { server in
      let connection = try await connect(to: server)
      let pid = try connection.pid
      let task = Task { try await connection.query("select pg_sleep(300)", deadline: .seconds(300)) }
      try await waitUntilRunning("select pg_sleep", pid: pid, on: server)
      try await server.stop(mode: .immediate)
      let error = try await failure { try await task.value }
      #expect(error.kind == .connection)
      // A statement outside of a transaction block commits by itself.
      #expect(error.outcomeUnknown)
      let refused = try await failure { try await connection.connect(deadline: generous) }
      #expect(refused.kind == .connection)
      #expect(refused.isRetryable)
      try await server.start()
      try await connection.connect(deadline: generous)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `a connection closed by the server while idle is noticed without asking`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      #expect(await connection.isUsable)
      try await server.adminPsql("select pg_terminate_backend(\(try connection.pid))")
      try await waitUntil("the connection is seen to be gone") { await connection.isUsable == false }
      #expect(await connection.transactionStatus == .unknown)
      #expect(try await failure { try await connection.query("select 1", deadline: generous) }.kind == .connection)
    }
  }
}
