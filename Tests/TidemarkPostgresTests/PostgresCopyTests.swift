import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct PostgresCopyTests {
  private static func lines(_ count: Int, bad: Int? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in 1...count {
      bytes.append(contentsOf: "\(line)\t\(line == bad ? "{broken" : "{\"n\": \(line)}")\n".utf8)
    }
    return bytes
  }

  private static func table(on server: PostgresServer) async throws -> PostgresConnection {
    let connection = try await connect(to: server)
    try await connection.script("create table public.messages (id int, meta jsonb)", deadline: generous)
    return connection
  }

  @Test func `COPY counts its rows`() async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      #expect(try await connection.copyIn("copy public.messages from stdin", Self.lines(100_000), deadline: generous) == 100_000)
      #expect(try await connection.copyIn("copy public.messages from stdin", [], deadline: generous) == 0)
      #expect(try await connection.one("select count(*) from public.messages") == "100000")
    }
  }

  @Test(arguments: [1, 17, 90_000]) func `a record that Postgres refuses is named by its line`(bad: Int) async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      try await connection.script("begin", deadline: generous)
      let error = try await failure {
        try await connection.copyIn("copy public.messages from stdin", Self.lines(100_000, bad: bad), deadline: generous)
      }
      #expect(error.kind == .server("22P02"))
      #expect(error.copyLine == bad)
      #expect(error.context?.contains("COPY messages, line \(bad), column meta") == true)
      #expect(!error.isRetryable)
      // Neither the record nor its pieces in what may be logged.
      #expect(!"\(error)".contains("broken"))
      await connection.rollback()
      #expect(try await connection.one("select count(*) from public.messages") == "0")
    }
  }

  @Test func `a COPY that the server does not read is given up at its deadline, and the connection goes on`() async throws {
    try await withPostgres { server in
      let blocker = try await Self.table(on: server)
      try await blocker.script("begin; lock table public.messages in access exclusive mode", deadline: generous)
      let connection = try await connect(to: server) { $0.lockTimeout = .seconds(600) }
      let error = try await failure {
        try await connection.copyIn("copy public.messages from stdin", Self.lines(1_000_000), deadline: .milliseconds(300))
      }
      #expect(error.kind == .timeout)
      #expect(error.sqlstate == "57014")
      #expect(!error.outcomeUnknown)
      #expect(try await connection.one("select 1") == "1")
      await blocker.rollback()
    }
  }

  @Test func `a backend ended in the middle of a COPY is a lost connection`() async throws {
    try await withPostgres { server in
      let blocker = try await Self.table(on: server)
      try await blocker.script("begin; lock table public.messages in access exclusive mode", deadline: generous)
      let connection = try await connect(to: server) { $0.lockTimeout = .seconds(600) }
      let pid = try connection.pid
      let task = Task { try await connection.copyIn("copy public.messages from stdin", Self.lines(1_000_000), deadline: .seconds(300)) }
      try await waitUntilRunning("copy public.messages", pid: pid, on: server)
      try await server.adminPsql("select pg_terminate_backend(\(pid))")
      let error = try await failure { try await task.value }
      #expect(error.kind == .connection)
      #expect(error.outcomeUnknown)
      #expect(await connection.isUsable == false)
      await blocker.rollback()
    }
  }

  @Test func `copyIn refuses what is no COPY FROM STDIN`() async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      #expect(try await failure { try await connection.copyIn("select 1", [], deadline: generous) }.kind == .misuse)
      #expect(try await failure { try await connection.copyIn("copy nowhere from stdin", [], deadline: generous) }.kind == .server("42P01"))
      #expect(try await connection.one("select 1") == "1")
      // Rows would come back, which nobody reads.
      #expect(try await failure { try await connection.script("copy public.messages to stdout", deadline: generous) }.kind == .misuse)
      #expect(await connection.isUsable == false)
    }
  }

  @Test func `what COPY sends out goes back in unchanged`() async throws {
    try await withPostgres { server in
      let connection = try await Self.table(on: server)
      _ = try await connection.copyIn("copy public.messages from stdin", Self.lines(50_000), deadline: generous)
      let binary = try await connection.copyOut("copy public.messages to stdout (format binary)", deadline: generous)
      try await connection.script("create table public.copies (like public.messages)", deadline: generous)
      #expect(try await connection.copyIn("copy public.copies from stdin (format binary)", binary, deadline: generous) == 50_000)
      let different = "select count(*) from (table public.messages except all table public.copies) as d"
      #expect(try await connection.one(different) == "0")
      #expect(try await connection.copyOut("copy (select 1 where false) to stdout", deadline: generous) == [])
    }
  }

  @Test func `a COPY that fails while it sends leaves the connection usable`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let error = try await failure {
        try await connection.copyOut("copy (select 1 / (50000 - n) from generate_series(1, 60000) n) to stdout", deadline: generous)
      }
      #expect(error.kind == .server("22012"))
      #expect(try await failure { try await connection.copyOut("select 1", deadline: generous) }.kind == .misuse)
      #expect(try await connection.one("select 1") == "1")
    }
  }
}
