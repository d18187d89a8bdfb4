import Logging
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct MigratorTests {
  private static let first = Migration(
    version: 1, name: "ledger", sql: "create table {{schema}}.ledger (n int); insert into {{schema}}.ledger values (1);")
  private static let second = Migration(
    version: 2, name: "note",
    sql: "create table {{schema}}.note (text text default {{schema_literal}}); insert into {{schema}}.note default values;")

  private static func migrator(_ server: PostgresServer, _ migrations: [Migration], schema: String = "tide") async throws -> Migrator {
    Migrator(migrations: migrations, connection: try await connect(to: server), schema: schema, logger: Logger(label: "test"))
  }

  private static func failure<T>(
    _ body: () async throws -> T, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> MigrationError {
    do {
      _ = try await body()
    } catch let error as MigrationError {
      #expect(!error.description.contains("\n"), sourceLocation: sourceLocation)
      return error
    }
    Issue.record("expected a MigrationError", sourceLocation: sourceLocation)
    return MigrationError(.misordered, "nothing was thrown")
  }

  @Test func `an empty database is migrated, and again there is nothing to do`() async throws {
    try await withPostgres { server in
      let migrator = try await Self.migrator(server, [Self.first, Self.second])
      #expect(try await migrator.status() == .missing)
      #expect(try await migrator.migrate() == [Self.first, Self.second])
      #expect(try await migrator.status() == .upToDate)
      #expect(try await migrator.migrate() == [])
      #expect(try await migrator.plan() == [])
      let applied = "select string_agg(version || name || length(checksum), ',' order by version) from tide.migrations"
      #expect(try await server.psql(applied).hasPrefix("1ledger32,2note32"))
      #expect(try await server.psql("select text from tide.note").hasPrefix("tide"))
      // The session's limits are back, and the lock is gone.
      let limits = "select current_setting('statement_timeout') || current_setting('lock_timeout')"
      #expect(try await migrator.connection.one(limits) == "1min5s")
      let locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
      #expect(try await migrator.connection.one(locks) == "0")
    }
  }

  @Test func `a schema name that needs quotes is quoted everywhere`() async throws {
    try await withPostgres { server in
      let schema = #"My "tide"'s \ schema; drop"#
      let migrator = try await Self.migrator(server, [Self.first, Self.second], schema: schema)
      try await migrator.migrate()
      #expect(try await migrator.status() == .upToDate)
      #expect(try await migrator.connection.one("select text from \(PostgresIdentifier.quoted(schema)).note") == schema)
      #expect(try await Self.migrator(server, [Self.first], schema: "other").status() == .missing)
    }
  }

  @Test func `an older schema gets what is missing and nothing else`() async throws {
    try await withPostgres { server in
      try await Self.migrator(server, [Self.first]).migrate()
      let migrator = try await Self.migrator(server, [Self.first, Self.second])
      #expect(try await migrator.status() == .older(pending: [Self.second]))
      #expect(try await migrator.plan() == [Self.second])
      #expect(try await migrator.migrate() == [Self.second])
      #expect(try await server.psql("select count(*) from tide.ledger").hasPrefix("1"))
    }
  }

  @Test func `a dry run shows the SQL and changes nothing`() async throws {
    try await withPostgres { server in
      let migrator = try await Self.migrator(server, [Self.first, Self.second])
      let sql = try await migrator.plan().map { try migrator.sql(of: $0) }
      #expect(sql.first?.hasPrefix("create table \"tide\".ledger") == true)
      #expect(sql.last?.contains("default 'tide'") == true)
      #expect(try await migrator.status() == .missing)
    }
  }

  @Test func `a changed migration is refused`() async throws {
    try await withPostgres { server in
      try await Self.migrator(server, [Self.first]).migrate()
      var changed = Self.first
      changed.sql += " "
      let migrator = try await Self.migrator(server, [changed, Self.second])
      let error = try await Self.failure { try await migrator.migrate() }
      #expect(error.kind == .checksumChanged(version: 1))
      #expect(try await Self.failure { try await migrator.status() }.kind == .checksumChanged(version: 1))
      #expect(try await migrator.connection.one("select count(*) from tide.migrations") == "1")
    }
  }

  @Test func `a schema of a newer binary is left alone`() async throws {
    try await withPostgres { server in
      try await Self.migrator(server, [Self.first, Self.second]).migrate()
      let older = try await Self.migrator(server, [Self.first])
      #expect(try await older.status() == .newer(version: 2))
      #expect(try await Self.failure { try await older.migrate() }.kind == .newer(version: 2))
    }
  }

  @Test func `of many that migrate at once each migration runs once`() async throws {
    try await withPostgres { server in
      let applied = try await withThrowingTaskGroup(of: [Migration].self) { group in
        for _ in 0..<6 { group.addTask { try await Self.migrator(server, [Self.first, Self.second]).migrate() } }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(applied == [Self.first, Self.second])
      #expect(try await server.psql("select count(*) from tide.ledger").hasPrefix("1"))
    }
  }

  @Test func `who waits in vain learns who holds the lock`() async throws {
    try await withPostgres { server in
      let holder = try await connect(to: server)
      _ = try await holder.query("select pg_advisory_lock($1::bigint)", [.integer(MigrationLock.key(schema: "tide"))], deadline: generous)
      let migrator = try await Self.migrator(server, [Self.first])
      let error = try await Self.failure { try await migrator.migrate(lockDeadline: .milliseconds(100)) }
      #expect(error.kind == .locked)
      #expect(error.isRetryable)
      #expect(error.description.contains("pid \(try holder.pid) (tidemark, role \(server.database)"))
      #expect(try await migrator.connection.one("select current_setting('lock_timeout')") == "5s")
      // The lock goes with its session.
      await holder.close()
      #expect(try await migrator.migrate() == [Self.first])
    }
  }

  @Test func `a failed migration leaves nothing of itself`() async throws {
    try await withPostgres { server in
      let broken = Migration(version: 2, name: "broken", sql: "create table {{schema}}.half (n int); select 1/0;")
      let migrator = try await Self.migrator(server, [Self.first, broken])
      let error = try await Self.failure { try await migrator.migrate() }
      #expect(error.kind == .failed(version: 2))
      #expect(error.underlying?.sqlstate == "22012")
      #expect(try await migrator.status() == .older(pending: [broken]))
      #expect(try await migrator.connection.one("select to_regclass('tide.half')::text") == nil)
    }
  }

  @Test func `a missing privilege names its GRANT, which then helps`() async throws {
    try await withPostgres { server in
      let database = "database \"\(server.database)\""
      try await server.adminPsql("alter \(database) owner to postgres; grant connect on \(database) to public")
      let migrator = try await Self.migrator(server, [Self.first])
      let error = try await Self.failure { try await migrator.migrate() }
      #expect(error.kind == .refused)
      let grant = try #require(error.description.firstRange(of: "GRANT ")).lowerBound
      #expect(error.description[grant...].hasPrefix("GRANT CREATE ON DATABASE \"\(server.database)\""))
      try await server.adminPsql(String(error.description[grant...]))
      #expect(try await migrator.migrate() == [Self.first])
    }
  }

  @Test func `a schema made by an administrator needs no right to make schemas`() async throws {
    try await withPostgres { server in
      let role = server.database
      try await server.adminPsql(
        "alter database \"\(role)\" owner to postgres; grant connect on database \"\(role)\" to public; create schema tide")
      let migrator = try await Self.migrator(server, [Self.first])
      let error = try await Self.failure { try await migrator.migrate() }
      let grant = try #require(error.description.firstRange(of: "GRANT ")).lowerBound
      try await server.adminPsql(String(error.description[grant...]))
      #expect(try await migrator.migrate() == [Self.first])
    }
  }

  @Test func `the binary's own migrations are in order and apply`() async throws {
    try await withPostgres { server in
      #expect(!Migration.all.isEmpty)
      let migrator = try await Self.migrator(server, Migration.all)
      #expect(try await migrator.migrate() == Migration.all)
      #expect(try await migrator.status() == .upToDate)
    }
  }

  @Test func `a list out of order is refused`() async throws {
    try await withPostgres { server in
      let migrator = try await Self.migrator(server, [Self.second, Self.first])
      #expect(try await Self.failure { try await migrator.migrate() }.kind == .misordered)
    }
  }
}
