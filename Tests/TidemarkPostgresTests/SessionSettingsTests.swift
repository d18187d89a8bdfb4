import Logging
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// What a role, a database and a URL say of a session, and what a session says itself.
@Suite struct SessionSettingsTests {
  /// Another value than ours for each setting that a role may have. The times let the first statements of a session pass on a busy machine.
  static let wrong: [String: String] = [
    "client_encoding": "LATIN1", "standard_conforming_strings": "off", "bytea_output": "escape", "array_nulls": "off",
    "extra_float_digits": "-15", "transform_null_equals": "on", "lc_monetary": "POSIX", "lc_numeric": "POSIX", "lc_time": "POSIX",
    "search_path": "public", "row_security": "off", "timezone": "Asia/Kathmandu", "timezone_abbreviations": "India",
    "datestyle": "German, DMY", "intervalstyle": "iso_8601", "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on", "exit_on_error": "on", "plpgsql.extra_errors": "all", "client_min_messages": "error",
    "idle_session_timeout": "20s", "jit": "on", "default_transaction_read_only": "on", "synchronous_commit": "off",
    "statement_timeout": "20s",
    "lock_timeout": "20s", "idle_in_transaction_session_timeout": "20s", "tcp_keepalives_idle": "7200",
  ]

  private func show(_ name: String, over connection: PostgresConnection) async throws -> String? {
    try await connection.one("select current_setting($1)", [.string(name)])
  }

  private func spoil(_ server: PostgresServer, _ target: String) async throws {
    let name = server.database
    let statements = Self.wrong.sorted { $0.key < $1.key }.map { "alter \(target) \"\(name)\" set \($0.key) = '\($0.value)';" }
    // The role is a new one's own: its sessions, not those of the superuser that says so, get the settings.
    try await server.adminPsql(statements.joined(separator: "\n"), in: "postgres")
  }

  @Test(arguments: ["role", "database"]) func `no setting of a role or a database reaches a session`(target: String) async throws {
    #expect(Set(SessionSettings.pinned.map(\.name)).isSubset(of: Set(Self.wrong.keys)), "a pinned setting has no wrong value here")
    try await withPostgres { server in
      try await spoil(server, target)
      let connection = try await connect(to: server)
      for (name, value) in SessionSettings.pinned {
        #expect(try await show(name, over: connection)?.lowercased() == value.lowercased(), "\(name)")
      }
      let others = [
        "default_transaction_read_only": "off", "transaction_read_only": "off", "synchronous_commit": "on", "statement_timeout": "1min",
        "lock_timeout": "5s", "idle_in_transaction_session_timeout": "1min", "tcp_keepalives_idle": "10",
      ]
      for (name, value) in others { #expect(try await show(name, over: connection) == value, "\(name)") }
      #expect(try await show("transaction_isolation", over: connection) == "read committed")
      // An error ends a statement, not the session.
      _ = try await failure { try await connection.query("select 1/0", deadline: generous) }
      #expect(try await connection.one("select '{NULL,1}'::integer[]::text || now()::date::text || 'ü'") != nil)
    }
  }

  @Test func `no setting that is changed later reaches a session that runs`() async throws {
    try await withPostgres(.private) { server in
      let connection = try await connect(to: server)
      for (name, value) in ["bytea_output": "escape", "synchronous_commit": "off", "timezone": "Asia/Kathmandu", "array_nulls": "off"] {
        try await server.adminPsql("alter system set \(name) = '\(value)'")
      }
      try await server.adminPsql("select pg_reload_conf()")
      let fresh = "select setting from pg_settings where name = 'array_nulls'"
      try await waitUntil("new sessions have the new settings") { try await server.adminPsql(fresh) == "off" }
      #expect(try await show("bytea_output", over: connection) == "hex")
      #expect(try await show("synchronous_commit", over: connection) == "on")
      #expect(try await show("timezone", over: connection) == "UTC")
      #expect(try await show("array_nulls", over: connection) == "on")
    }
  }

  @Test(arguments: ["client_encoding=LATIN1", "options=-c%20bytea_output%3Descape%20-c%20datestyle%3DGerman"])
  func `no URL decides what bytes mean`(parameter: String) async throws {
    try await withPostgres { server in
      let configuration = try PostgresConfiguration(url: "\(server.url)?\(parameter)")
      let connection = try PostgresConnection(configuration: configuration, logger: Logger(label: "test"))
      try await connection.connect(deadline: generous)
      #expect(try await show("client_encoding", over: connection) == "UTF8")
      #expect(try await show("bytea_output", over: connection) == "hex")
      #expect(try await show("datestyle", over: connection) == "ISO, YMD")
      #expect(try await connection.one("select length($1::text)", [.string("ü")]) == "1")
    }
  }

  @Test func `a weaker wait for standbys than on stays, and is pinned`() async throws {
    try await withPostgres { server in
      try await server.adminPsql("alter role \"\(server.database)\" set synchronous_commit = remote_apply")
      let connection = try await connect(to: server)
      #expect(try await show("synchronous_commit", over: connection) == "remote_apply")
      #expect(try await connection.one("select source from pg_settings where name = 'synchronous_commit'") == "session")
    }
  }

  @Test func `a server that is read-only by its configuration is not written to`() async throws {
    try await withPostgres(.private) { server in
      try await server.adminPsql("alter system set default_transaction_read_only = on")
      try await server.adminPsql("select pg_reload_conf()")
      let wanted = "select setting from pg_settings where name = 'default_transaction_read_only'"
      try await waitUntil("the server is read-only") { try await server.adminPsql(wanted) == "on" }
      let error = try await failure { try await connect(to: server) }
      #expect(error.kind == .connection)
      #expect(error.sqlstate == "25006")
      #expect(SinkError(error).kind == .fault(.world))
    }
  }

  @Test(arguments: ["LATIN1", "SQL_ASCII"]) func `a database that does not store Unicode is refused`(encoding: String) async throws {
    try await withPostgres { server in
      let name = "\(server.database)_old"
      try await server.adminPsql(
        "create database \"\(name)\" owner \"\(server.database)\" encoding '\(encoding)' template template0 locale 'C'", in: "postgres")
      let url = server.url(database: name, role: server.database)
      let connection = try PostgresConnection(configuration: try PostgresConfiguration(url: url), logger: Logger(label: "test"))
      let error = try await failure { try await connection.connect(deadline: generous) }
      #expect(error.kind == .unsuitable(.encoding))
      #expect(error.message.contains("stores text as \(encoding)"))
      #expect(!error.isRetryable)
      #expect(SinkError(error).kind == .fault(.configuration))
      await connection.close()
      try await server.adminPsql("drop database \"\(name)\" with (force)", in: "postgres")
    }
  }

  @Test func `a role whose triggers do not fire is refused, unless it may let them fire`() async throws {
    try await withPostgres { server in
      try await server.adminPsql("alter database \"\(server.database)\" set session_replication_role = replica")
      let error = try await failure { try await connect(to: server) }
      #expect(error.kind == .unsuitable(.triggers))
      let admin = try await connect(to: server, admin: true)
      #expect(try await show("session_replication_role", over: admin) == "origin")
    }
  }
}
