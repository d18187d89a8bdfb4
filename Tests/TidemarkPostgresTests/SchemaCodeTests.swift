import Foundation
import Logging
import Testing
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SchemaCodeTests {
  private static let schema = "\"t\""

  @Test func functionsAndTriggersAreFollowed() {
    let code = SchemaCode(
      [
        """
        CREATE FUNCTION "t".outer(a integer) RETURNS void
        LANGUAGE plpgsql AS $$
        BEGIN PERFORM "t".inner(1); END $$;
        CREATE FUNCTION "t".inner(a integer) RETURNS void LANGUAGE sql AS $$ DELETE FROM "t".leases $$;
        CREATE FUNCTION "t".one(a integer) RETURNS integer
          LANGUAGE sql
          RETURN "t".two(a) + 1;
        CREATE FUNCTION "t".noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "t".notes (a) VALUES (1); END $$;
        CREATE TRIGGER noted AFTER INSERT OR DELETE ON "t".leases
          FOR EACH STATEMENT EXECUTE FUNCTION "t".noted();
        CREATE FUNCTION "t".counted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM "t".counts; END $$;
        CREATE TRIGGER counted AFTER DELETE ON "t".leases FOR EACH STATEMENT EXECUTE FUNCTION "t".counted();
        """
      ], schema: Self.schema)
    let use = code.use(of: ["SELECT \"t\".outer($1)"], schema: Self.schema)
    #expect(use.functions == ["outer", "inner"])
    #expect(use.tables == ["leases": [.select, .delete], "notes": [.insert]])
    #expect(code.use(of: ["SELECT \"t\".one($1)"], schema: Self.schema).functions == ["one", "two"])
    #expect(code.use(of: ["UPDATE \"t\".leases SET a = 1"], schema: Self.schema).tables == ["leases": [.select, .update]])
  }

  @Test func aLaterDefinitionReplacesAnEarlierOne() {
    let code = SchemaCode(
      [
        "CREATE FUNCTION \"t\".f() RETURNS void LANGUAGE sql AS $$ DELETE FROM \"t\".a $$;",
        "CREATE OR REPLACE FUNCTION \"t\".f() RETURNS void LANGUAGE sql AS $$ DELETE FROM \"t\".b $$;",
      ], schema: Self.schema)
    #expect(code.bodies["f"] == " DELETE FROM \"t\".b ")
  }

  /// What is read from the text of the migrations is what the server has.
  @Test func theCodeOfTheMigrationsIsWhatTheServerRuns() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await Migrator(connection: connection, schema: "t", logger: Logger(label: "test")).migrate()
      let code = try SchemaCode.current(schema: "t")
      let functions = try await connection.query(
        """
        select p.proname::text as name, p.prosrc as source, p.prosecdef as is_definer, p.prosqlbody is not null as is_standard
          from pg_proc p where p.pronamespace = 't'::regnamespace
        """, deadline: generous)
      #expect(functions.rowCount > 40)
      for row in 0..<functions.rowCount {
        let name = functions.string(row, "name") ?? ""
        if functions.bool(row, "is_definer") == true {
          #expect(code.bodies[name] == nil, "\(name)")
        } else if functions.bool(row, "is_standard") == true {
          #expect(code.bodies[name]?.isEmpty == false, "\(name)")
        } else {
          #expect(code.bodies[name] == functions.string(row, "source"), "\(name)")
        }
      }
      let triggers = try await connection.query(
        "select tgrelid::regclass::text as place, tgfoid::regproc::text as function from pg_trigger where not tgisinternal order by 1",
        deadline: generous)
      let found = (0..<triggers.rowCount).map { "\(triggers.string($0, "place") ?? "") \(triggers.string($0, "function") ?? "")" }
      #expect(found.sorted() == code.triggers.map { "t.\($0.table) t.\($0.function)" }.sorted())
      await connection.close()
    }
  }

  /// Whoever writes a statement elsewhere would need a right that nobody grants and `check` does not know.
  @Test func noStatementStandsOutsideOfTheLists() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let lists: Set<String> = [
      "LedgerSQL", "HotStateSQL", "ReconciliationSQL", "DestinationStatements", "StatusSQL", "LaneSQL", "TuneSQL", "SessionSQL", "AuditSQL",
      "DeadLetterSQL", "ErasureSQL", "ExportSQL", "StateCheckSQL", "SchemaRoles",
    ]
    // The owner's, who makes the schema, measures in it, or shows a line to paste.
    let ofOwner: Set<String> = ["Migrator", "Migrator+Inspect", "BenchSession", "CopyLimit", "RoundTrip", "StatusStore+Rows", "Dev"]
    let ofRights: Set<String> = ["SchemaUse", "SchemaCode", "LedgerRights", "RolePlan"]
    var found: Set<String> = []
    let files = try #require(FileManager.default.enumerator(at: root.appending(path: "Sources"), includingPropertiesForKeys: nil))
    for file in files.allObjects.compactMap({ $0 as? URL }) where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      if text.firstMatch(of: /\\\((?:Self\.|composition\.)?(?:schema|quotedSchema)\)\.(?:[a-z_]|\\\()/) != nil {
        found.insert(file.deletingPathExtension().lastPathComponent)
      }
    }
    #expect(found.subtracting(lists).subtracting(ofOwner).subtracting(ofRights).sorted() == [])
  }
}
