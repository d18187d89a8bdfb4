import Foundation
import Logging
import Testing
import TidemarkPostgres
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin
@testable import TidemarkCore

/// The rights that `migrate --roles` grants to workers are enough, and each of them is needed.
@Suite(.serialized) struct RoleRightsTests {
  private static let schema = "tide"
  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Runs `body` with a migrated schema, and a role that logs in and is a member of the worker's role.
  private func withRoles(_ body: (_ server: PostgresServer, _ roles: [GroupRole], _ owner: PostgresConnection) async throws -> Void)
    async throws
  {
    try await withPostgres { server in
      let owner = try PostgresConnection(configuration: try PostgresConfiguration(url: server.url), logger: Self.quiet)
      try await owner.connect(deadline: .seconds(60))
      try await Migrator(connection: owner, schema: Self.schema, logger: Self.quiet).migrate()
      let roles = try SchemaRoles.all(
        schema: Self.schema, destinations: RouteTable.builtIn.destinations, workerName: "\(server.database)_worker",
        readerName: "\(server.database)_reader", eraserName: "\(server.database)_eraser")
      let (worker, reader, eraser, member) = (roles[0].name, roles[1].name, roles[2].name, "\(server.database)_member")
      try await server.adminPsql(
        "create role \"\(worker)\"; create role \"\(reader)\"; create role \"\(eraser)\"; "
          + "create role \"\(member)\" login in role \"\(worker)\"")
      _ = try await RoleSetup(connection: owner, schema: Self.schema, logger: Self.quiet).apply(roles)
      try await body(server, roles, owner)
      let names = [worker, reader, eraser].map { "\"\($0)\"" }.joined(separator: ", ")
      try await server.adminPsql("drop owned by \(names); drop role \"\(member)\", \(names)")
      await owner.close()
    }
  }

  @Test func eachRightOfAWorkerIsNeededAndCheckNamesItWhereItIsMissing() async throws {
    try await withRoles { server, roles, owner in
      let configuration = try PostgresConfiguration(url: server.url(database: server.database, role: "\(server.database)_member"))
      let role = "\"\(roles[0].name)\""
      func run(_ sql: String) async throws { try await owner.script(sql, deadline: .seconds(60)) }
      let exercise = try await SchemaExercise(configuration, schema: Self.schema)
      try await exercise.run(0, owner: run)
      #expect(exercise.refused == [])
      #expect(try await exercise.missing() == [])

      var unneeded: [String] = []
      var round = 0
      for (table, privileges) in roles[0].use.tables.sorted(by: { $0.key < $1.key }) {
        for privilege in privileges.map(\.rawValue).sorted() {
          round += 1
          try await run("revoke \(privilege) on tide.\(table) from \(role)")
          #expect(try await exercise.missing() == ["\"\(table)\" (\(privilege))"])
          try await exercise.run(round, owner: run)
          if exercise.refused.isEmpty { unneeded.append("\(privilege) on \(table)") }
          try await run("grant \(privilege) on tide.\(table) to \(role)")
        }
      }
      #expect(unneeded == [])
      #expect(round > 40)
      try await run("revoke usage on schema tide from \(role)")
      #expect(try await exercise.missing() == ["SCHEMA \"tide\" (USAGE)"])
      await exercise.close()
    }
  }

  @Test func aSecondRunChangesNothingAndTakesBackWhatIsNotNeeded() async throws {
    try await withRoles { server, roles, owner in
      let setup = RoleSetup(connection: owner, schema: Self.schema, logger: Self.quiet)
      #expect(try await setup.apply(roles) == [])
      let (worker, reader) = ("\"\(roles[0].name)\"", "\"\(roles[1].name)\"")
      try await owner.script(
        """
        grant create on schema tide to \(worker); grant truncate, delete on tide.messages to \(worker);
        grant update (content) on tide.messages to \(reader); grant usage on sequence tide.gaps_id_seq to \(reader);
        grant execute on function tide.leave(text) to \(reader); revoke select on tide.lanes from \(reader);
        revoke execute on function tide.transcript(text, boolean) from public;
        """, deadline: .seconds(60))
      #expect(
        try await setup.apply(roles) == [
          "REVOKE CREATE ON SCHEMA \"tide\" FROM \(worker)",
          "REVOKE DELETE, TRUNCATE ON \"tide\".\"messages\" FROM \(worker)",
          "REVOKE USAGE ON \"tide\".\"gaps_id_seq\" FROM \(reader)",
          "REVOKE UPDATE ON \"tide\".\"messages\" FROM \(reader)",
          "REVOKE EXECUTE ON FUNCTION tide.leave(text) FROM \(reader)",
          "GRANT SELECT ON \"tide\".\"lanes\" TO \(reader)",
          "GRANT EXECUTE ON FUNCTION tide.transcript(text,boolean) TO \(reader)",
        ])
      #expect(try await setup.apply(roles) == [])
    }
  }

  @Test func theOwnerIsNoGroupRole() async throws {
    try await withRoles { server, roles, owner in
      let setup = RoleSetup(connection: owner, schema: Self.schema, logger: Self.quiet)
      var owners: [Bool] = []
      for name in [server.database, roles[0].name, "nobody \" such"] { owners.append(try await setup.isOwner(name)) }
      #expect(owners == [true, false, false])
    }
  }

  /// The grants by hand are those of the command.
  @Test func thePageOfRightsHasTheGrantsOfTheCode() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "ops/rights.md"), encoding: .utf8)
    let block = try #require(page.components(separatedBy: "## PostgreSQL: by hand").last?.components(separatedBy: "```")[1])
    let written = block.trimmingPrefix("sql").split(separator: ";").map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
    var granted = GrantedRights()
    granted.exists = true
    let statements = try SchemaRoles.all(schema: "tidemark", destinations: RouteTable.builtIn.destinations).flatMap {
      try RolePlan($0, schema: "tidemark", database: "tidemark", granted: granted).statements
    }
    #expect(written.filter { !$0.isEmpty } == statements.map { $0.replacing("\"", with: "") }, "\(statements.joined(separator: ";\n"))")
  }
}
