package import Logging
import TidemarkLog

/// Brings a schema to the version that this binary knows.
///
/// Uses a connection that nobody else uses meanwhile: the lock belongs to its session. All methods throw ``MigrationError``.
package struct Migrator: Sendable {
  let migrations: [Migration]
  let connection: PostgresConnection
  let schema: String
  let logger: Logger

  /// For statements that only look.
  static let readDeadline = Duration.seconds(30)

  /// - Parameter migrations: ascending by version.
  package init(migrations: [Migration] = Migration.all, connection: PostgresConnection, schema: String, logger: Logger) {
    self.migrations = migrations
    self.connection = connection
    self.schema = schema
    self.logger = logger
  }

  /// Compares; changes nothing. Throws where an applied migration is not ours.
  package func status() async throws -> MigrationStatus {
    try await wrapping {
      try requireOrder()
      guard let applied = try await readApplied() else { return .missing }
      let newest = migrations.last?.version ?? 0
      if let version = applied.map(\.version).max(), version > newest { return .newer(version: version) }
      try requireSame(applied)
      let pending = migrations.filter { migration in !applied.contains { $0.version == migration.version } }
      // A schema without a version, made by somebody else or by an interrupted first migration.
      if applied.isEmpty, !pending.isEmpty { return .missing }
      return pending.isEmpty ? .upToDate : .older(pending: pending)
    }
  }

  /// What ``migrate(lockDeadline:deadline:)`` would apply, in order. For a dry run: the caller prints ``sql(of:)`` of each.
  package func plan() async throws -> [Migration] {
    switch try await status() {
    case .upToDate: return []
    case .missing: return migrations
    case .older(let pending): return pending
    case .newer(let version): throw newer(version)
    }
  }

  /// The SQL that runs for one migration in this schema.
  package func sql(of migration: Migration) throws -> String {
    do {
      return try migration.sql(schema: schema)
    } catch let error as PostgresError {
      throw MigrationError(.postgres, "schema name: \(error.message)", underlying: error)
    }
  }

  /// Applies what is pending, each migration in a transaction of its own, and returns it.
  ///
  /// Safe to run from several workers at once: one applies, the others wait for it and find nothing to do.
  /// - Parameters:
  ///   - lockDeadline: how long to wait for another migration. Default 60 s.
  ///   - deadline: for each migration. Default 1 h: an index over a large table takes its time.
  @discardableResult
  package func migrate(lockDeadline: Duration = .seconds(60), deadline: Duration = .seconds(3600)) async throws -> [Migration] {
    try await wrapping {
      try requireOrder()
      return try await MigrationLock(connection: connection, schema: schema, logger: logger).hold(for: lockDeadline) {
        try await applyPending(deadline)
      }
    }
  }

  private func applyPending(_ deadline: Duration) async throws -> [Migration] {
    let pending = try await plan()
    guard !pending.isEmpty else { return [] }
    try await requirePrivilege()
    // The session's limit is for writing batches; here the deadline of the call counts. The lock's release sets it back.
    try await connection.script("set statement_timeout = \(deadline.milliseconds)", deadline: Self.readDeadline)
    try await createLedger()
    for migration in pending { try await apply(migration, deadline) }
    return pending
  }

  private func createLedger() async throws {
    let schema = try PostgresIdentifier.quoted(schema)
    // CREATE SCHEMA IF NOT EXISTS wants the privilege even where the schema exists: an administrator may have made it for us.
    let create = try await schemaExists() ? "" : "create schema \(schema);"
    try await connection.script(
      """
      begin;
      \(create)
      create table if not exists \(schema).migrations (
        version int primary key, name text not null, checksum bytea not null, applied_at timestamptz not null default now());
      commit;
      """, deadline: Self.readDeadline)
  }

  private func apply(_ migration: Migration, _ deadline: Duration) async throws {
    do {
      try await connection.script("begin", deadline: Self.readDeadline)
      try await connection.script(try sql(of: migration), deadline: deadline)
      _ = try await connection.query(
        "insert into \(try PostgresIdentifier.quoted(schema)).migrations (version, name, checksum) values ($1, $2, $3)",
        [.integer(Int64(migration.version)), .string(migration.name), .bytea(migration.checksum)], deadline: Self.readDeadline)
      try await connection.script("commit", deadline: Self.readDeadline)
    } catch let error as PostgresError {
      await connection.rollback()
      let label = "migration \(migration.version) (\(migration.name)) of the schema \(schema)"
      let outcome = error.outcomeUnknown ? "ended without an answer; run it again to see whether it is in" : "failed and was rolled back"
      throw MigrationError(.failed(version: migration.version), "\(label) \(outcome): \(error)", underlying: error)
    }
    logger.log(
      .migrationApplied,
      [.migrationVersion: "\(migration.version)", .migrationName: "\(migration.name)", .postgresSchema: "\(schema)"])
  }

  // MARK: Rules

  private func requireOrder() throws {
    guard zip(migrations, migrations.dropFirst()).allSatisfy({ $0.version < $1.version }) else {
      throw MigrationError(.misordered, "the migrations of this binary are not in ascending order of version")
    }
  }

  private func requireSame(_ applied: [AppliedMigration]) throws {
    for row in applied {
      guard let known = migrations.first(where: { $0.version == row.version }) else {
        throw MigrationError(
          .unknownVersion(row.version),
          "the schema \(schema) holds migration \(row.version) (\(row.name)), which this binary does not know; use the binary that made it")
      }
      guard known.checksum == row.checksum else {
        throw MigrationError(
          .checksumChanged(version: row.version),
          "migration \(row.version) (\(row.name)) was changed after it was applied to the schema \(schema); "
            + "use the binary that applied it, and put changes into a new migration")
      }
    }
  }

  private func newer(_ version: Int) -> MigrationError {
    MigrationError(
      .newer(version: version),
      "the schema \(schema) is at version \(version), this binary knows up to \(migrations.last?.version ?? 0): use a newer binary")
  }

  private func wrapping<T>(_ body: () async throws -> T) async throws -> T {
    do {
      return try await body()
    } catch let error as PostgresError {
      if error.sqlstate == "42501" {
        throw MigrationError(
          .refused, "a privilege on the schema \(schema) is missing (\(error.message)); grant it, or connect as the schema's owner",
          underlying: error)
      }
      throw MigrationError(.postgres, "migrations of the schema \(schema): \(error)", underlying: error)
    }
  }
}
