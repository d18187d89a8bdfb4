package import TidemarkCore

/// Statements by which somebody uses a schema, by name.
///
/// They are taken from the values that hold them, so that a new one can't be forgotten.
package struct LedgerStatements: Sendable {
  let schema: String
  package let all: [(name: String, sql: String)]

  /// Only `migrate` makes an installation.
  private static let ofMigration: Set<String> = ["makeInstallation"]

  package init(schema: String, all: [(name: String, sql: String)]) {
    self.schema = schema
    self.all = all
  }

  /// Those of a worker.
  ///
  /// - Parameter others: the statements of operators' commands and of the status.
  /// - Throws: ``PostgresError`` for a name that can't be quoted.
  package init(schema: String, destinations: [Destination], others: [(name: String, sql: String)]) throws {
    self.schema = schema
    let ledger = Self.statements(of: try LedgerSQL(schema: schema)).filter { !Self.ofMigration.contains($0.name) }
    let hotState = Self.statements(of: try HotStateSQL(schema: schema))
    let rows = try destinations.flatMap { destination in
      Self.statements(of: try DestinationStatements(destination, schema: schema)).map { ("\(destination.name) \($0.name)", $0.sql) }
    }
    let migrations = ("migrations", Migrator.appliedSQL(schema: try PostgresIdentifier.quoted(schema)))
    let comparison =
      Self.statements(of: try ReconciliationSQL(schema: schema)) + Self.statements(of: try StateCheckSQL(schema: schema))
    all = ledger + hotState + rows + [migrations] + comparison + others
  }

  /// What they do with the schema, with the functions that they call and the triggers that they fire.
  package func use() throws -> SchemaUse {
    try SchemaCode.current(schema: schema).use(of: all.map(\.sql), schema: try PostgresIdentifier.quoted(schema))
  }

  /// The texts that a value holds.
  package static func statements(of value: some Sendable) -> [(name: String, sql: String)] {
    Mirror(reflecting: value).children.compactMap { child in
      (child.value as? String ?? (child.value as? String?)?.flatMap(\.self)).map { (child.label ?? "", $0) }
    }
  }
}
