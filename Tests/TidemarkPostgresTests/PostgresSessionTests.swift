import Logging
import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct PostgresSessionTests {
  @Test func `a fresh session has the settings that the sink relies on`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server) { $0.statementTimeout = .milliseconds(12_345) }
      let expected = [
        "lock_timeout": "5s", "statement_timeout": "12345ms", "idle_in_transaction_session_timeout": "1min",
        "application_name": "tidemark", "synchronous_commit": "on", "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3", "tcp_user_timeout": "15000", "client_connection_check_interval": "10s",
      ]
      for (name, value) in expected { #expect(try await connection.one("select current_setting($1)", [.string(name)]) == value) }
      #expect(await connection.serverVersion >= 130_000)
    }
  }

  @Test func `a session that keeps its plans makes each once and goes by indexes, however many elements an array has`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server) { $0.keepsPlans = true }
      try await connection.script(
        "create table public.known (id bigint primary key); insert into public.known select generate_series(1, 10)", deadline: generous)
      let statement = "select count(*) from unnest($1::bigint[]) as n (id) join public.known using (id)"
      for count in [1, 2, 500] {
        let ids = PostgresValue.integerArray((1...count).map { Int64($0) })
        let statements = [PostgresStatement(sql: statement, name: "known", parameters: [ids])]
        _ = try await connection.pipeline(statements, deadline: generous)
      }
      let plans = try await connection.one(
        "select generic_plans || ' kept, ' || custom_plans || ' made anew' from pg_prepared_statements where statement = $1",
        [.string(statement)])
      #expect(plans == "3 kept, 0 made anew")
      #expect(try await connection.one("explain select from public.known where id = 3")?.contains("Index") == true)
    }
  }

  @Test func `the backend is the one that the server knows`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let backend = try #require(connection.backend)
      let known = try await connection.query(
        "select 1 from pg_stat_activity where pid = $1::int and backend_start = $2::timestamptz",
        [.integer(Int64(backend.pid)), .string(backend.startedAt)], deadline: generous)
      #expect(known.rowCount == 1)
    }
  }

  @Test func `a script that holds several statements returns the last result`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      let result = try await connection.script("select 1; select 2 as two; select 'x' as last, null as nothing", deadline: generous)
      #expect(result?.string(0, "last") == "x")
      #expect(result?.columns == ["last", "nothing"])
      #expect(result?.raw(0, "nothing") == nil)
      #expect(result?.raw(1, "last") == nil)
      #expect(result?.raw(0, "absent") == nil)
      let error = try await failure { try await connection.script("select 1; select 1/0; select 2", deadline: generous) }
      #expect(error.kind == .server("22012"))
    }
  }

  @Test func `affected rows are those that the server counted`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script("create table public.t (n int)", deadline: generous)
      let inserted = try await connection.query("insert into public.t select generate_series(1, 12)", deadline: generous)
      #expect(inserted.affectedRows == 12)
      #expect(inserted.commandTag == "INSERT 0 12")
      #expect(try await connection.query("delete from public.t where n > 4", deadline: generous).affectedRows == 8)
    }
  }

  @Test func `a role that does not exist is no matter of trying again`() async throws {
    try await withPostgres { server in
      let url = "postgresql://nobody_at_all@127.0.0.1:\(server.port)/\(server.database)"
      let stranger = try PostgresConnection(configuration: PostgresConfiguration(url: url), logger: Logger(label: "test"))
      let error = try await failure { try await stranger.connect(deadline: generous) }
      #expect(error.kind == .connection)
      #expect(error.sqlstate == "28000")
      #expect(!error.isRetryable)
      #expect(!"\(error)".contains("\n"))
    }
  }

  @Test func `a dead host of the list is passed over`() async throws {
    try await withPostgres { server in
      let url = "postgresql://\(server.database)@127.0.0.1:1,127.0.0.1:\(server.port)/\(server.database)"
      let connection = try PostgresConnection(configuration: PostgresConfiguration(url: url), logger: Logger(label: "test"))
      try await connection.connect(deadline: generous)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `a Unix socket works as host`() async throws {
    try await withPostgres { server in
      let url = "host=\(server.socketDirectory) port=\(server.port) dbname=\(server.database) user=\(server.database)"
      let connection = try PostgresConnection(configuration: PostgresConfiguration(url: url), logger: Logger(label: "test"))
      try await connection.connect(deadline: generous)
      #expect(try await connection.one("select 1") == "1")
    }
  }

  @Test func `a quoted identifier names exactly what was given`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      for name in ["plain", "Mixed Case", "a\"b", "\"", "semi;colon", "ü🜚", "a\"\u{301}b"] {
        let quoted = try PostgresIdentifier.quoted(name)
        let literal = try PostgresIdentifier.literal(name + #"'\"#)
        let result = try await connection.query("select \(literal) as \(quoted)", deadline: generous)
        #expect(result.columns == [name])
        #expect(result.string(0, 0) == name + #"'\"#)
      }
      #expect(throws: PostgresError.self) { try PostgresIdentifier.quoted("") }
      #expect(throws: PostgresError.self) { try PostgresIdentifier.quoted("a\0b") }
      #expect(throws: PostgresError.self) { try PostgresIdentifier.literal("a\0b") }
    }
  }

  @Test func `a call before connecting is a lost connection, not a crash`() async throws {
    let configuration = try PostgresConfiguration(url: "postgresql://nowhere")
    let connection = try PostgresConnection(configuration: configuration, logger: Logger(label: "test"))
    #expect(try await failure { try await connection.query("select 1", deadline: generous) }.kind == .connection)
    await connection.rollback()
    await connection.close()
    #expect(await connection.isUsable == false)
  }
}
