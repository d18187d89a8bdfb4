package import TidemarkCore

/// Every statement by which a worker and the commands of an operator use a schema, by name.
///
/// They are taken from the values that hold them, so that a new one can't be forgotten.
package struct LedgerStatements: Sendable {
  let schema: String
  let all: [(name: String, sql: String)]

  /// Only `migrate` makes an installation.
  private static let ofMigration: Set<String> = ["makeInstallation"]

  /// - Parameter others: statements of other modules.
  /// - Throws: ``PostgresError`` for a name that can't be quoted.
  package init(schema: String, destinations: [Destination], others: [(name: String, sql: String)]) throws {
    self.schema = schema
    let ledger = Self.statements(of: try LedgerSQL(schema: schema)).filter { !Self.ofMigration.contains($0.name) }
    let rows = try destinations.flatMap { destination in
      Self.statements(of: try DestinationStatements(destination, schema: schema)).map { ("\(destination.name) \($0.name)", $0.sql) }
    }
    all = ledger + rows + others
  }

  /// The texts that a value holds.
  package static func statements(of value: some Sendable) -> [(name: String, sql: String)] {
    Mirror(reflecting: value).children.compactMap { child in
      (child.value as? String ?? (child.value as? String?)?.flatMap(\.self)).map { (child.label ?? "", $0) }
    }
  }
}
