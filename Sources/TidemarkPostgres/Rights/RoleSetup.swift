package import Logging

/// Reads from the catalogs what roles may do with a schema, and runs what a ``RolePlan`` says.
///
/// Uses a connection that nobody else uses meanwhile. All methods throw ``PostgresError``, and ``MigrationError`` where another migration keeps
/// the lock.
package struct RoleSetup: Sendable {
  /// Who asks, and what this role may do itself.
  package struct Administrator: Sendable, Equatable {
    package var role: String
    package var database: String
    package var mayCreateRoles: Bool
    /// Whether it may grant rights on the database.
    package var ownsDatabase: Bool
    /// The owner of the schema where that is another role, whose rights this one has not; nil also where there is no schema yet.
    package var otherOwner: String?
  }

  private let connection: PostgresConnection
  private let schema: String
  private let logger: Logger

  package init(connection: PostgresConnection, schema: String, logger: Logger) {
    self.connection = connection
    self.schema = schema
    self.logger = logger
  }

  package func administrator() async throws -> Administrator {
    let result = try await query(
      """
      SELECT current_user::text AS role, current_database()::text AS database, r.rolcreaterole OR r.rolsuper AS may_create,
             pg_has_role(d.datdba, 'USAGE') AS owns_database,
             (SELECT pg_get_userbyid(n.nspowner)::text FROM pg_catalog.pg_namespace n
               WHERE n.nspname = $1 AND NOT pg_has_role(n.nspowner, 'USAGE')) AS other_owner
        FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
       WHERE r.rolname = current_user AND d.datname = current_database()
      """)
    return Administrator(
      role: result.string(0, "role") ?? "", database: result.string(0, "database") ?? "",
      mayCreateRoles: result.bool(0, "may_create") ?? false, ownsDatabase: result.bool(0, "owns_database") ?? false,
      otherOwner: result.string(0, "other_owner"))
  }

  /// Whether the role owns the schema or something in it, or is the one that asks: its rights are not granted but its own.
  package func isOwner(_ role: String) async throws -> Bool {
    let result = try await query(
      """
      SELECT $2 = current_user
             OR EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.rolname = $2
                         WHERE n.nspname = $1
                           AND (n.nspowner = r.oid
                                OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relowner = r.oid))) AS owns
      """, role)
    return result.bool(0, "owns") ?? false
  }

  package func plan(_ role: GroupRole) async throws -> RolePlan {
    let database = try await administrator().database
    return try RolePlan(role, schema: schema, database: database, granted: try await granted(to: role))
  }

  /// Plans and runs in one transaction, one at a time. Answers what was run.
  package func apply(_ roles: [GroupRole]) async throws -> [String] {
    try await MigrationLock(connection: connection, schema: schema, logger: logger).hold(for: .seconds(60)) {
      var statements: [String] = []
      for role in roles { statements += try await plan(role).statements }
      guard !statements.isEmpty else { return [] }
      do {
        try await connection.script((["BEGIN"] + statements + ["COMMIT"]).joined(separator: ";\n"), deadline: Migrator.readDeadline)
      } catch {
        await connection.rollback()
        throw error
      }
      return statements
    }
  }

  private func granted(to role: GroupRole) async throws -> GrantedRights {
    var granted = GrantedRights()
    let known = try await query(
      """
      SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2) AS is_there,
             EXISTS (SELECT FROM pg_catalog.pg_database d
                            CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                      WHERE d.datname = current_database() AND a.privilege_type = 'CONNECT'
                        AND (a.grantee = 0 OR a.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $2)))
               AND $1::text IS NOT NULL AS may_connect
      """, role.name)
    granted.exists = known.bool(0, "is_there") ?? false
    granted.mayConnect = known.bool(0, "may_connect") ?? false
    // Rights that somebody else granted on are left alone: only he can revoke them.
    let rights = try await query(
      """
      WITH role AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $2),
           space AS (SELECT * FROM pg_catalog.pg_namespace WHERE nspname = $1)
      SELECT 'schema' AS kind, n.nspname::text AS name, a.privilege_type AS privilege
        FROM space n CROSS JOIN aclexplode(n.nspacl) a
       WHERE a.grantee = (SELECT oid FROM role) AND a.grantor = n.nspowner
      UNION ALL
      SELECT 'table', c.relname::text, a.privilege_type
        FROM space n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid CROSS JOIN aclexplode(c.relacl) a
       WHERE a.grantee = (SELECT oid FROM role) AND a.grantor = c.relowner
      UNION ALL
      SELECT 'column', c.relname::text, a.privilege_type
        FROM space n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid
             CROSS JOIN aclexplode(t.attacl) a
       WHERE a.grantee = (SELECT oid FROM role) AND a.grantor = c.relowner
      UNION ALL
      SELECT 'function', p.oid::regprocedure::text, a.privilege_type
        FROM space n JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid CROSS JOIN aclexplode(p.proacl) a
       WHERE a.grantee = (SELECT oid FROM role) AND a.grantor = p.proowner
      """, role.name)
    for row in 0..<rights.rowCount {
      let (name, privilege) = (rights.string(row, "name") ?? "", rights.string(row, "privilege") ?? "")
      switch rights.string(row, "kind") {
      case "schema": granted.onSchema.insert(privilege)
      case "function": granted.onFunctions.insert(name)
      case let kind:
        granted.onTables[name, default: []].insert(privilege)
        if kind == "table" { granted.onWholeTables[name, default: []].insert(privilege) }
      }
    }
    let closed = try await query(
      """
      SELECT p.proname::text AS name, p.oid::regprocedure::text AS signature
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = $1
       WHERE NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
      """)
    for row in 0..<closed.rowCount {
      granted.closedFunctions[closed.string(row, "name") ?? "", default: []].insert(closed.string(row, "signature") ?? "")
    }
    return granted
  }

  /// $1 is the schema, $2 the role.
  private func query(_ sql: String, _ role: String? = nil) async throws -> PostgresResult {
    try await connection.query(sql, [.string(schema)] + (role.map { [.string($0)] } ?? []), deadline: Migrator.readDeadline)
  }
}
