/// The statements that bring a ``GroupRole`` from the rights that it has to those that it needs: a pure comparison.
package struct RolePlan: Sendable, Equatable {
  /// `CREATE ROLE`, which takes CREATEROLE; nil where the role is there.
  package var creation: String?
  /// `GRANT CONNECT`, which takes the owner of the database; nil where everybody may connect.
  package var connection: String?
  /// What the owner of the schema runs: first what is revoked, then what is granted.
  package var grants: [String] = []

  package var isEmpty: Bool { statements.isEmpty }
  /// In the order in which they run, without semicolons.
  package var statements: [String] { [creation, connection].compactMap(\.self) + grants }

  /// - Parameters:
  ///   - schema: not quoted.
  ///   - database: not quoted.
  /// - Throws: ``PostgresError`` for a name that can't be quoted.
  package init(_ role: GroupRole, schema name: String, database: String, granted: GrantedRights = GrantedRights()) throws {
    let schema = try PostgresIdentifier.quoted(name)
    let grantee = try PostgresIdentifier.quoted(role.name)
    if !granted.exists { creation = "CREATE ROLE \(grantee) NOLOGIN" }
    if !granted.mayConnect { connection = "GRANT CONNECT ON DATABASE \(try PostgresIdentifier.quoted(database)) TO \(grantee)" }
    func tables(_ rights: [String: Set<String>]) throws -> [(privileges: String, objects: String)] {
      try Self.grouped(rights.mapValues { Self.ordered($0) }.filter { !$0.value.isEmpty }) {
        "\(schema).\(try PostgresIdentifier.quoted($0))"
      }
    }

    let surplusOnSchema = granted.onSchema.subtracting(["USAGE"])
    if !surplusOnSchema.isEmpty { grants.append("REVOKE \(Self.ordered(surplusOnSchema)) ON SCHEMA \(schema) FROM \(grantee)") }
    let needed = role.use.tables.mapValues { Set($0.map(\.rawValue)) }
    for (privileges, objects) in try tables(granted.onTables.reduce(into: [:]) { $0[$1.key] = $1.value.subtracting(needed[$1.key] ?? []) })
    {
      grants.append("REVOKE \(privileges) ON \(objects) FROM \(grantee)")
    }
    let neededFunctions = role.use.functions.reduce(into: Set()) { $0.formUnion(granted.closedFunctions[$1] ?? []) }
    let surplusFunctions = granted.onFunctions.subtracting(neededFunctions)
    if !surplusFunctions.isEmpty {
      grants.append("REVOKE EXECUTE ON FUNCTION \(surplusFunctions.sorted().joined(separator: ", ")) FROM \(grantee)")
    }

    if !granted.onSchema.contains("USAGE") { grants.append("GRANT USAGE ON SCHEMA \(schema) TO \(grantee)") }
    for (privileges, objects) in try tables(
      needed.reduce(into: [:]) { $0[$1.key] = $1.value.subtracting(granted.onWholeTables[$1.key] ?? []) })
    {
      grants.append("GRANT \(privileges) ON \(objects) TO \(grantee)")
    }
    let missingFunctions = neededFunctions.subtracting(granted.onFunctions)
    if !missingFunctions.isEmpty {
      grants.append("GRANT EXECUTE ON FUNCTION \(missingFunctions.sorted().joined(separator: ", ")) TO \(grantee)")
    }
  }

  /// One entry for the objects that have the same privileges, in the order of the privileges' texts.
  private static func grouped(
    _ rights: [String: String], _ quoted: (String) throws -> String
  ) throws -> [(privileges: String, objects: String)] {
    try Dictionary(grouping: rights.keys) { rights[$0] ?? "" }.sorted { ($0.key.count, $0.key) < ($1.key.count, $1.key) }
      .map { ($0.key, try $0.value.sorted().map(quoted).joined(separator: ", ")) }
  }

  /// The four of daily work first, in the order of the documentation.
  private static func ordered(_ privileges: Set<String>) -> String {
    let known = SchemaUse.Privilege.allCases.map(\.rawValue)
    return (known.filter { privileges.contains($0) } + privileges.subtracting(known).sorted()).joined(separator: ", ")
  }
}
