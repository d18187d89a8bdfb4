/// Which rights on a schema the role of a connection has, of those that ``LedgerStatements`` need.
package struct LedgerRights: Sendable {
  /// What the role lacks.
  package struct Missing: Sendable, Equatable {
    /// `SELECT, INSERT` or `EXECUTE`.
    package var privileges: String
    /// `TABLE "tidemark".gaps`, as GRANT names it.
    package var object: String
  }

  private static let deadline = Duration.seconds(10)

  private let statements: LedgerStatements
  private let quotedSchema: String
  /// What the statements do with the schema.
  package let use: SchemaUse

  /// Throws ``PostgresError`` for a name that can't be quoted.
  package init(_ statements: LedgerStatements) throws {
    self.statements = statements
    quotedSchema = try PostgresIdentifier.quoted(statements.schema)
    use = try statements.use()
  }

  /// What the role of a connection lacks: the schema, tables by name, and then functions. Reads nothing but catalogs.
  package func missing(over connection: PostgresConnection) async throws -> [Missing] {
    let space = try await connection.query(
      "SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = $1 AND NOT has_schema_privilege(n.oid, 'USAGE')",
      [.string(statements.schema)], deadline: Self.deadline)
    let wanted = use.tables.flatMap { table, privileges in privileges.map { (table, $0.rawValue) } }.sorted { $0 < $1 }
    let tables = try await connection.query(
      """
      SELECT w.name, string_agg(w.privilege, ', ' ORDER BY w.place) AS privileges
        FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS w (name, privilege, place)
        JOIN pg_catalog.pg_class c ON c.relname = w.name
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1
       WHERE c.relkind IN ('r', 'p', 'v') AND NOT has_table_privilege(c.oid, w.privilege)
       GROUP BY w.name ORDER BY w.name
      """, [.string(statements.schema), .textArray(strings: wanted.map(\.0)), .textArray(strings: wanted.map(\.1))],
      deadline: Self.deadline)
    let functions = try await connection.query(
      """
      SELECT p.oid::regprocedure::text AS name
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = $1
       WHERE p.proname = ANY ($2::text[]) AND NOT has_function_privilege(p.oid, 'EXECUTE')
       ORDER BY 1
      """, [.string(statements.schema), .textArray(strings: use.functions.sorted())], deadline: Self.deadline)
    var missing = (0..<space.rowCount).map { _ in Missing(privileges: "USAGE", object: "SCHEMA \(quotedSchema)") }
    for row in 0..<tables.rowCount {
      let name = try PostgresIdentifier.quoted(tables.string(row, "name") ?? "")
      missing.append(Missing(privileges: tables.string(row, "privileges") ?? "", object: "TABLE \(quotedSchema).\(name)"))
    }
    return missing
      + (0..<functions.rowCount).map { Missing(privileges: "EXECUTE", object: "FUNCTION \(functions.string($0, "name") ?? "")") }
  }

  /// Has the server plan every statement, which changes nothing: it looks at the rights and at the tables as they are. Answers the statements
  /// that fail, with why.
  package func failures(over connection: PostgresConnection) async throws -> [(name: String, error: PostgresError)] {
    var failures: [(name: String, error: PostgresError)] = []
    // COPY and LISTEN can't be planned. The statement with arrays writes the columns that COPY does, and everybody may listen.
    for (name, sql) in statements.all where !sql.hasPrefix("COPY") && !sql.hasPrefix("LISTEN") {
      do {
        let values = [PostgresValue](repeating: .null, count: Self.parameterCount(sql))
        _ = try await connection.query("EXPLAIN \(sql)", values, deadline: Self.deadline)
      } catch let error as PostgresError where !error.isRetryable {
        failures.append((name, error))
      }
    }
    return failures
  }

  /// The largest number behind a dollar sign.
  static func parameterCount(_ sql: String) -> Int {
    sql.matches(of: /\$([0-9]+)/).compactMap { Int($0.1) }.max() ?? 0
  }
}
