internal import TidemarkCore
internal import TidemarkPostgres

/// Checks that the role has the privileges of a worker, and that the server accepts each of a worker's statements.
struct PostgresRightsCheck: Sendable {
  private let connection: PostgresConnection
  private let schema: String
  private let rights: LedgerRights

  /// Throws ``PostgresError`` for a name that can't be quoted.
  init(_ connection: PostgresConnection, schema: String, destinations: [Destination]) throws {
    self.connection = connection
    self.schema = schema
    rights = try LedgerRights(SchemaRoles.worker(schema: schema, destinations: destinations))
  }

  func privileges() async throws -> Finding {
    let missing = try await rights.missing(over: connection)
    guard !missing.isEmpty else { return Finding(.ok, "postgres.privileges", "the role has a worker's privileges in \(schema)") }
    let role = try await connection.query("SELECT current_user::text AS name", deadline: .seconds(10)).string(0, "name") ?? ""
    return try Self.finding(of: missing, role: role, schema: schema)
  }

  /// Returns one line that lists the missing privileges, with the statements that grant them.
  static func finding(of missing: [LedgerRights.Missing], role: String, schema: String) throws -> Finding {
    let grantee = try PostgresIdentifier.quoted(role)
    var objects: [(privileges: String, names: [String])] = []
    for right in missing {
      if let place = objects.firstIndex(where: { $0.privileges == right.privileges }) {
        objects[place].names.append(right.object)
      } else {
        objects.append((right.privileges, [right.object]))
      }
    }
    let grants = objects.map { privileges, names in
      let kind =
        switch privileges {
        case "EXECUTE": "FUNCTION"
        case "USAGE": "SCHEMA"
        default: "TABLE"
        }
      let list = names.map { $0.trimmingPrefix("\(kind) ") }.joined(separator: ", ")
      return "GRANT \(privileges) ON \(kind) \(list) TO \(grantee)"
    }
    let names = missing.map { "\($0.object.split(separator: ".", maxSplits: 1).last ?? "") (\($0.privileges))".replacing("\"", with: "") }
    // If only reading is refused, a worker waits for the privilege, and is not ready until then.
    let isReadOnly = missing.allSatisfy { $0.privileges == "SELECT" }
    return Finding(
      isReadOnly ? .risk : .problem, "postgres.privileges", "the role \(role) lacks rights: \(names.joined(separator: ", "))",
      hint: "as the owner: \(grants.joined(separator: "; ")); or run `tidemark migrate --roles` as the owner, and "
        + "GRANT \(try PostgresIdentifier.quoted("\(schema)_worker")) TO \(grantee)")
  }

  func statements() async throws -> [Finding] {
    let failures = try await rights.failures(over: connection)
    guard !failures.isEmpty else { return [Finding(.ok, "postgres.statements", "the server accepts every statement of a worker")] }
    return failures.map { name, error in
      Finding(
        .problem, "postgres.statements", "the statement \(name) of a worker fails: \(error.description)",
        hint: error.sqlstate == "42501"
          ? "grant the role the refused privilege" : "if the tables of \(schema) were changed by hand, change them back")
    }
  }
}
