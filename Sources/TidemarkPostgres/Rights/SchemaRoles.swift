package import TidemarkCore

/// The statements of each role on a schema. The grants of `migrate --roles`, the findings of `check` and the documentation come from this
/// list.
package enum SchemaRoles {
  /// The tables and views that a reader may select from, and the functions over them.
  private static let readable = [
    "sessions", "messages", "context", "context_history", "tool_calls", "outcomes", "changes", "snapshots", "checkpoints", "lanes",
    "dead_letters", "gaps", "divergences", "erasures", "erased_changes", "open_calls",
    "user_sessions", "session_sizes", "tool_days", "agent_outcomes",
  ]
  private static let readers = [
    "state($1)", "state_at($1, $2::timestamptz)", "state_at_entry($1, $2)", "transcript($1, $2)", "history($1)",
    "entry_id($1::bigint, $2::bigint)", "context_at_message($1, $2)",
  ]

  /// Returns the statements of a worker and of an operator's commands.
  ///
  /// - Throws: ``PostgresError`` for a name that can't be quoted, as the other methods do.
  package static func worker(schema: String, destinations: [Destination]) throws -> LedgerStatements {
    try LedgerStatements(
      schema: schema, destinations: destinations,
      others: LedgerStatements.statements(of: try StatusSQL(schema: schema))
        + LedgerStatements.statements(of: try LaneSQL(schema: schema))
        + LedgerStatements.statements(of: try TuneSQL(schema: schema))
        + LedgerStatements.statements(of: try SessionSQL(schema: schema))
        + LedgerStatements.statements(of: try AuditSQL(schema: schema))
        + LedgerStatements.statements(of: try DeadLetterSQL(schema: schema)))
  }

  /// Returns the statements of a reader of agents' data, of `tidemark status` and of `tidemark audit`.
  package static func reader(schema name: String) throws -> LedgerStatements {
    let schema = try PostgresIdentifier.quoted(name)
    let tables = readable.map { (name: $0, sql: "SELECT FROM \(schema).\($0)") }
    let functions = readers.map { (name: $0, sql: "SELECT \(schema).\($0)") }
    let ledger = try LedgerSQL(schema: name)
    let audit = [
      (name: "lanesByName", sql: ledger.lanesByName), (name: "containedSeals", sql: ledger.containedSeals),
      (name: "installation", sql: ledger.installation),
    ]
    return LedgerStatements(
      schema: name,
      all: tables + functions + LedgerStatements.statements(of: try StatusSQL(schema: name))
        + LedgerStatements.statements(of: try ExportSQL(schema: name))
        + LedgerStatements.statements(of: try AuditSQL(schema: name)) + audit)
  }

  /// Returns the statements of who forgets, beside those of an operator.
  package static func eraser(schema: String) throws -> LedgerStatements {
    LedgerStatements(schema: schema, all: LedgerStatements.statements(of: try ErasureSQL(schema: schema)))
  }

  /// Returns the roles that `migrate --roles` creates, in order.
  package static func all(
    schema: String, destinations: [Destination], workerName: String? = nil, readerName: String? = nil,
    eraserName: String? = nil
  ) throws -> [GroupRole] {
    [
      GroupRole(
        name: workerName ?? "\(schema)_worker", use: try worker(schema: schema, destinations: destinations).use()),
      GroupRole(name: readerName ?? "\(schema)_reader", use: try reader(schema: schema).use()),
      GroupRole(name: eraserName ?? "\(schema)_eraser", use: try eraser(schema: schema).use()),
    ]
  }
}
