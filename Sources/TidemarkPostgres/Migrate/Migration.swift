internal import Crypto
internal import Migrations

/// One step of the schema. Never edited once released: its checksum is kept in the database.
package struct Migration: Sendable, Equatable {
  /// From 1, ascending.
  package var version: Int
  package var name: String
  /// `{{schema}}` stands for the quoted schema name, `{{schema_literal}}` for the same as a text literal.
  package var sql: String

  package init(version: Int, name: String, sql: String) {
    self.version = version
    self.name = name
    self.sql = sql
  }

  /// What this binary carries.
  package static var all: [Migration] {
    Migrations.all.map { Migration(version: $0.version, name: $0.name, sql: $0.sql) }
  }

  /// SHA-256 of the text before placeholders are replaced, so that it is the same in every schema.
  package var checksum: [UInt8] { Array(SHA256.hash(data: Array(sql.utf8))) }

  /// The SQL for one schema. Throws ``PostgresError`` for a name that can't be quoted.
  package func sql(schema: String) throws -> String {
    sql.replacing("{{schema}}", with: try PostgresIdentifier.quoted(schema))
      .replacing("{{schema_literal}}", with: try PostgresIdentifier.literal(schema))
  }
}

/// How a schema stands to the migrations that a binary knows.
package enum MigrationStatus: Sendable, Equatable {
  case upToDate
  /// There is no schema, or none of ours.
  case missing
  /// Migrations to apply.
  case older(pending: [Migration])
  /// Made by a newer binary, at this version.
  case newer(version: Int)
}
