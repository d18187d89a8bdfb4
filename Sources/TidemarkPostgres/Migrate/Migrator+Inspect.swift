/// A row of `<schema>.migrations`.
struct AppliedMigration: Sendable, Equatable {
  var version: Int
  var name: String
  var checksum: [UInt8]
}

extension Migrator {
  /// - Parameter schema: quoted.
  static func appliedSQL(schema: String) -> String { "SELECT version, name, checksum FROM \(schema).migrations ORDER BY version" }

  /// What the database has, in order. Nil where there is no ledger of migrations.
  func readApplied() async throws -> [AppliedMigration]? {
    let found = try await connection.query(
      """
      select exists (
        select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1::text and c.relname = 'migrations' and c.relkind in ('r', 'p')) as found
      """, [.string(schema)], deadline: Self.readDeadline)
    guard found.bool(0, "found") == true else { return nil }
    let rows = try await connection.query(Self.appliedSQL(schema: try PostgresIdentifier.quoted(schema)), deadline: Self.readDeadline)
    return try (0..<rows.rowCount).map { row in
      guard let version = rows.int64(row, "version"), let name = rows.string(row, "name"), let checksum = rows.bytes(row, "checksum")
      else {
        throw MigrationError(.refused, "the table migrations of the schema \(schema) is not Tidemark's: choose another schema")
      }
      return AppliedMigration(version: Int(version), name: name, checksum: checksum)
    }
  }

  func schemaExists() async throws -> Bool {
    let result = try await connection.query(
      "select exists (select from pg_catalog.pg_namespace where nspname = $1::text) as found", [.string(schema)],
      deadline: Self.readDeadline)
    return result.bool(0, "found") == true
  }

  /// Says who must grant what, before the server says less.
  func requirePrivilege() async throws {
    let result = try await connection.query(
      """
      select current_user::text as role, current_database()::text as db,
        pg_catalog.has_database_privilege(current_database(), 'CREATE') as on_database,
        (select pg_catalog.has_schema_privilege(oid, 'CREATE') from pg_catalog.pg_namespace where nspname = $1::text) as on_schema
      """, [.string(schema)], deadline: Self.readDeadline)
    let role = result.string(0, "role") ?? ""
    let database = result.string(0, "db") ?? ""
    let grantee = try PostgresIdentifier.quoted(role)
    switch result.bool(0, "on_schema") {
    case true?: return
    case false?:
      throw MigrationError(
        .refused,
        "the role \(role) may not create tables in the schema \(schema); the schema's owner fixes it with: "
          + "GRANT CREATE, USAGE ON SCHEMA \(try PostgresIdentifier.quoted(schema)) TO \(grantee)")
    case nil:
      guard result.bool(0, "on_database") != true else { return }
      throw MigrationError(
        .refused,
        "the role \(role) may not create the schema \(schema); the owner of the database fixes it with: "
          + "GRANT CREATE ON DATABASE \(try PostgresIdentifier.quoted(database)) TO \(grantee)")
    }
  }
}
