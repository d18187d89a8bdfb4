import Testing

@testable import TidemarkPostgres

@Suite struct SchemaUseTests {
  private static let schema = "\"t\""

  private func use(_ sql: String) -> [String: Set<SchemaUse.Privilege>] { SchemaUse(of: sql, schema: Self.schema).tables }

  @Test func eachWayToUseATableIsToldFromTheOthers() {
    #expect(use("SELECT a FROM \"t\".lanes l JOIN \"t\".leases USING (shard)") == ["lanes": [.select], "leases": [.select]])
    #expect(use("INSERT INTO \"t\".gaps (lane) VALUES ($1)") == ["gaps": [.insert]])
    #expect(use("UPDATE \"t\".lanes SET state = 'x'") == ["lanes": [.select, .update]])
    #expect(use("INSERT INTO \"t\".\"messages\" (\"role\") SELECT 1") == ["messages": [.insert]])
    #expect(SchemaUse(of: "SELECT \"t\".\"set_context\"($1::text[])", schema: Self.schema).functions == ["set_context"])
    #expect(use("DELETE FROM \"t\".workers w WHERE w.worker = me") == ["workers": [.select, .delete]])
    #expect(use("COPY \"t\".change_log (no) FROM STDIN") == ["change_log": [.insert]])
    #expect(
      use("INSERT INTO \"t\".context (k) VALUES (1) ON CONFLICT (k) DO UPDATE SET v = 1") == ["context": [.select, .insert, .update]])
  }

  @Test func anInsertReadsWhatItReturnsAndWhereItLooksForAConflict() {
    #expect(use("INSERT INTO \"t\".gaps (a) VALUES (1) RETURNING id") == ["gaps": [.select, .insert]])
    #expect(use("INSERT INTO \"t\".gaps (a) VALUES (1) ON CONFLICT (a) DO NOTHING") == ["gaps": [.select, .insert]])
    #expect(use("INSERT INTO \"t\".gaps (a) VALUES (1) ON CONFLICT DO NOTHING") == ["gaps": [.insert]])
    #expect(
      use("WITH a AS (INSERT INTO \"t\".items (a) VALUES (1) RETURNING a), b AS (INSERT INTO \"t\".lanes (a) SELECT 1) SELECT 1")
        == ["items": [.select, .insert], "lanes": [.insert]])
  }

  @Test func aLockNeedsTheRightToUpdate() {
    #expect(use("SELECT 1 FROM \"t\".lanes WHERE lane = $1 FOR NO KEY UPDATE") == ["lanes": [.select, .update]])
    #expect(
      use("SELECT 1 FROM \"t\".lanes k JOIN \"t\".leases s USING (shard) FOR UPDATE OF k") == [
        "lanes": [.select, .update], "leases": [.select],
      ])
    #expect(use("FOR r IN SELECT 1 FROM \"t\".lanes LOOP") == ["lanes": [.select]])
  }

  @Test func commentsTypesAndOtherSchemasAreNoUse() {
    #expect(use("-- FROM \"t\".lanes\nSELECT 1 FROM pg_class").isEmpty)
    #expect(use("DECLARE call \"t\".tool_calls; hidden \"t\".entry_position[]").isEmpty)
  }

  @Test func theStatementsOfAValueAreFound() throws {
    let names = try LedgerStatements(schema: "t", destinations: [], others: [("mine", "SELECT 1")]).all.map(\.name)
    #expect(names.contains("fence") && names.contains("renew") && names.contains("mine") && !names.contains("makeInstallation"))
    #expect(LedgerRights.parameterCount("SELECT $1, $12::text, $3") == 12)
  }
}
