import Testing

@testable import TidemarkPostgres

@Suite struct RolePlanTests {
  private static let role = GroupRole(
    name: "t_worker",
    use: SchemaUse(of: "SELECT t.leave($1) FROM t.lanes; INSERT INTO t.gaps (a) VALUES (1); SELECT a FROM t.leases", schema: "t"))

  private func plan(_ adjust: (inout GrantedRights) -> Void = { _ in }) throws -> RolePlan {
    var granted = GrantedRights()
    adjust(&granted)
    return try RolePlan(Self.role, schema: "t", database: "d\"b", granted: granted)
  }

  @Test func aRoleThatIsNotThereIsCreatedAndGetsAll() throws {
    let statements = try plan().statements
    #expect(
      statements == [
        "CREATE ROLE \"t_worker\" NOLOGIN", "GRANT USAGE ON SCHEMA \"t\" TO \"t_worker\"", "GRANT INSERT ON \"t\".\"gaps\" TO \"t_worker\"",
        "GRANT SELECT ON \"t\".\"lanes\", \"t\".\"leases\" TO \"t_worker\"",
      ])
  }

  @Test func aRoleThatHasAllGetsNothing() throws {
    let plan = try plan {
      $0.exists = true
      $0.onSchema = ["USAGE"]
      $0.onWholeTables = ["gaps": ["INSERT"], "lanes": ["SELECT"], "leases": ["SELECT"]]
      $0.onTables = $0.onWholeTables
    }
    #expect(plan.statements.isEmpty)
  }

  /// A right on some columns is not one on the table, and one that is not needed is taken back all the same.
  @Test func columnsAreNoTable() throws {
    let plan = try plan {
      $0.exists = true
      $0.onSchema = ["USAGE"]
      $0.onWholeTables = ["gaps": ["INSERT"], "leases": ["SELECT"]]
      $0.onTables = ["gaps": ["INSERT", "UPDATE"], "leases": ["SELECT"], "lanes": ["SELECT"]]
    }
    #expect(plan.statements == ["REVOKE UPDATE ON \"t\".\"gaps\" FROM \"t_worker\"", "GRANT SELECT ON \"t\".\"lanes\" TO \"t_worker\""])
  }

  @Test func aFunctionOrADatabaseIsGrantedWhereNotEverybodyHasIt() throws {
    let plan = try plan {
      $0.exists = true
      $0.mayConnect = false
      $0.onSchema = ["USAGE", "CREATE"]
      $0.onWholeTables = ["gaps": ["INSERT"], "lanes": ["SELECT"], "leases": ["SELECT"]]
      $0.closedFunctions = ["leave": ["t.leave(text)"], "fence": ["t.fence(integer)"]]
      $0.onFunctions = ["t.fence(integer)"]
    }
    #expect(
      plan.statements == [
        "GRANT CONNECT ON DATABASE \"d\"\"b\" TO \"t_worker\"", "REVOKE CREATE ON SCHEMA \"t\" FROM \"t_worker\"",
        "REVOKE EXECUTE ON FUNCTION t.fence(integer) FROM \"t_worker\"", "GRANT EXECUTE ON FUNCTION t.leave(text) TO \"t_worker\"",
      ])
  }
}
