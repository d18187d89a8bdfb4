internal import TidemarkPostgres

/// Checks for row-level security that hides rows of Tidemark's tables from the role. Table privileges do not show it.
extension PostgresCheck {
  func rowSecurity(_ connection: PostgresConnection, schema: String) async throws -> [Finding] {
    let result = try await connection.query(
      """
      SELECT c.relname AS name, current_user::text AS role,
             EXISTS (SELECT FROM pg_policy p
                      WHERE p.polrelid = c.oid AND p.polpermissive
                        AND (p.polroles = '{0}' OR EXISTS (SELECT FROM unnest(p.polroles) r WHERE pg_has_role(r, 'MEMBER')))) AS has_policy
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND row_security_active(c.oid)
       ORDER BY has_policy, name
      """, [.string(schema)], deadline: .seconds(10))
    func names(policy: Bool) -> [String] {
      (0..<result.rowCount).filter { result.bool($0, "has_policy") == policy }.compactMap { result.string($0, "name") }
    }
    let (hidden, filtered) = (names(policy: false), names(policy: true))
    let role = result.string(0, "role") ?? ""
    var findings: [Finding] = []
    if !hidden.isEmpty {
      findings.append(
        Finding(
          .problem, "postgres.row_security",
          "row-level security without a policy hides all rows of \(Self.some(hidden)) from the role \(role), and refuses new ones",
          hint: "ALTER ROLE \"\(role)\" BYPASSRLS, or ALTER TABLE ... DISABLE ROW LEVEL SECURITY"))
    }
    if !filtered.isEmpty {
      findings.append(
        Finding(
          .warning, "postgres.row_security",
          "policies decide which rows of \(Self.some(filtered)) the role \(role) sees and may write: a worker needs all of them",
          hint: "ALTER ROLE \"\(role)\" BYPASSRLS, or give it a policy USING (true) WITH CHECK (true)"))
    }
    return findings
  }

  private static func some(_ names: [String]) -> String {
    names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
  }
}
