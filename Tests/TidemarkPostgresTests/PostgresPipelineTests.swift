import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct PostgresPipelineTests {
  @Test func `twenty megabytes of parameters that all come back do not stop both sides`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let megabytes = [UInt8](repeating: UInt8(ascii: "x"), count: 4 << 20)
      let statements = (0..<5).map { _ in PostgresStatement(sql: "select $1::text", name: "echo", parameters: [.text(megabytes)]) }
      let results = try await connection.pipeline(statements, deadline: generous)
      #expect(results.map { $0.raw(0, 0)?.count } == Array(repeating: 4 << 20, count: 5))
    }
  }

  @Test func `many small statements with large answers pass through small buffers`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let statements = (0..<3000).map { index in
        PostgresStatement(
          sql: "select repeat('y', 4000), $1::int", name: "many", parameters: [.integer(Int64(index))])
      }
      let results = try await connection.pipeline(statements, deadline: generous)
      #expect(results.map { $0.int64(0, 1) } == (0..<3000).map { Int64($0) })
    }
  }

  @Test func `a failure names its statement, nothing of the pipeline stays, and the connection goes on`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script("create table public.t (n int primary key)", deadline: generous)
      let insert = { (n: String) in
        PostgresStatement(sql: "insert into public.t values ($1::int)", name: "insert", parameters: [.string(n)])
      }
      let error = try await failure {
        try await connection.pipeline(
          [PostgresStatement(sql: "begin"), insert("1"), insert("2"), insert("1"), PostgresStatement(sql: "commit")], deadline: generous)
      }
      #expect(error.kind == .server("23505"))
      #expect(error.statementIndex == 3)
      #expect(error.constraint == "t_pkey")
      #expect(error.table == "t")
      #expect(!error.outcomeUnknown)
      #expect(await connection.transactionStatus == .failed)
      await connection.rollback()
      #expect(await connection.transactionStatus == .idle)
      _ = try await connection.pipeline(
        [PostgresStatement(sql: "begin"), insert("5"), PostgresStatement(sql: "commit")], deadline: generous)
      #expect(try await connection.one("select string_agg(n::text, ',') from public.t") == "5")
    }
  }

  @Test func `a statement whose preparation failed or was skipped is prepared again`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let late = PostgresStatement(sql: "select n from public.late", name: "late")
      let skipped = PostgresStatement(sql: "select 1", name: "skipped")
      let error = try await failure { try await connection.pipeline([late, skipped], deadline: generous) }
      #expect(error.kind == .server("42P01"))
      try await connection.script("create table public.late (n int)", deadline: generous)
      let results = try await connection.pipeline([late, skipped, late], deadline: generous)
      #expect(results.map(\.rowCount) == [0, 1, 0])
      #expect(try await connection.one("select count(*) from pg_prepared_statements") == "2")
    }
  }

  @Test func `a session whose prepared statements are gone is given up, and it is the fault of no record`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let statement = PostgresStatement(sql: "select 1", name: "one")
      _ = try await connection.pipeline([statement], deadline: generous)
      try await connection.script("discard all", deadline: generous)
      let error = try await failure {
        try await connection.pipeline([PostgresStatement(sql: "begin"), statement, PostgresStatement(sql: "commit")], deadline: generous)
      }
      #expect(error.kind == .server("26000"))
      #expect(error.isRetryable)
      #expect(!error.outcomeUnknown)
      #expect(SinkError(error, isUnderWay: true).kind == .fault(.world))
      // Its settings may be gone, too.
      #expect(await !connection.isUsable)
      try await connection.connect(deadline: generous)
      #expect(try await connection.pipeline([statement], deadline: generous).count == 1)
    }
  }

  @Test func `a session never runs what another one prepared`() async throws {
    try await withPostgres { server in
      let (one, other) = (try await connect(to: server), try await connect(to: server))
      _ = try await one.pipeline([PostgresStatement(sql: "select 1", name: "one")], deadline: generous)
      _ = try await other.pipeline([PostgresStatement(sql: "select 1", name: "one")], deadline: generous)
      let names = "select string_agg(name, ',') from pg_prepared_statements where from_sql = false"
      #expect(try await one.one(names) != other.one(names))
    }
  }

  @Test func `beyond the limit of names statements are sent plain`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let statements = (0..<600).map { PostgresStatement(sql: "select \($0)", name: "s\($0)") }
      let results = try await connection.pipeline(statements, deadline: generous)
      #expect(results.last?.int64(0, 0) == 599)
      #expect(try await connection.one("select count(*) from pg_prepared_statements") == "512")
    }
  }

  @Test func `a name that stands for two texts is refused before anything is sent`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let error = try await failure {
        try await connection.pipeline(
          [PostgresStatement(sql: "select 1", name: "x"), PostgresStatement(sql: "select 2", name: "x")], deadline: generous)
      }
      #expect(error.kind == .misuse)
      #expect(try await connection.one("select 3") == "3")
    }
  }

  @Test func `a NUL in text fails like the server's own refusal, with the statement's number`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let error = try await failure {
        try await connection.pipeline(
          [PostgresStatement(sql: "select 1"), PostgresStatement(sql: "select $1::text", parameters: [.text([0x61, 0, 0x62])])],
          deadline: generous)
      }
      #expect(error.kind == .server("22021"))
      #expect(error.statementIndex == 1)
      #expect(try await connection.one("select 3") == "3")
    }
  }

  @Test func `binary values and NULL arrive as they are`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let bytes = (0...255).map { UInt8($0) }
      let result = try await connection.query(
        "select $1 as a, $2::text as b, $3::bool as c", [.bytea(bytes), .null, .bool(true)], deadline: generous)
      #expect(result.bytes(0, "a") == bytes)
      #expect(result.string(0, "b") == nil)
      #expect(result.bool(0, "c") == true)
    }
  }
}
