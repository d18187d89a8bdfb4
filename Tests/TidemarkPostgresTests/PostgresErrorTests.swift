import Testing

@testable import TidemarkPostgres

@Suite struct PostgresErrorTests {
  @Test func `the description of a data exception quotes no data`() {
    var error = PostgresError(.server("22P02"), "invalid input syntax for type integer: \"secret\"")
    error.detail = "secret"
    error.context = "COPY t, line 3, column n: \"secret\""
    error.column = "n"
    #expect(!"\(error)".contains("secret"))
    #expect("\(error)".contains("22P02 (invalid_text_representation)"))
    #expect(error.debugDescription.contains("secret"))
    #expect(error.copyLine == 3)
  }

  @Test func `another error keeps the server's message but not its detail`() {
    var error = PostgresError(.server("23505"), "duplicate key value violates unique constraint \"t_pkey\"")
    error.detail = "Key (n)=(secret) already exists."
    #expect("\(error)".contains("duplicate key value"))
    #expect(!"\(error)".contains("secret"))
  }

  @Test(arguments: [
    "08006", "57P01", "57P02", "57P03", "53100", "53200", "53300", "40001", "40P01", "55P03", "58030", "25006", "57014", "XX000", "P0001",
    "0A000", "26000", "ZZ999",
  ]) func `faults of the world are worth another try`(state: String) {
    #expect(PostgresError(.server(state), "").isRetryable)
  }

  @Test(arguments: ["22P02", "22021", "23505", "54000", "42P01", "42501", "28P01", "3D000", "3F000", "53400"])
  func `faults of the record or the configuration are not`(state: String) {
    #expect(!PostgresError(.server(state), "").isRetryable)
  }

  @Test func `the line of a COPY is found in any language and below other lines`() {
    var error = PostgresError(.server("22P02"), "")
    error.context = "JSON data, line 1: {\"a\": x...\nCOPY messages, Zeile 17, Spalte meta: »line 4«"
    #expect(error.copyLine == 17)
    error.context = "SQL statement \"x\""
    #expect(error.copyLine == nil)
    error.context = nil
    #expect(error.copyLine == nil)
  }

  @Test(arguments: [
    ("commit", true), (" /* a; b */ COMMIT ", true), ("-- commit\nselect 1", false), ("select 'x; commit'", false), ("select 1; end", true),
    ("select $a$; commit;$a$", false), ("select E'\\'; commit'", false), ("select type'\\'; commit", true),
    ("select $1; commit", true), ("insert into \"a;commit\" values (1)", false), ("rollback", false), ("", false),
    ("/* /* */ ; commit; */ select 1", false), ("insert into committed values (1)", false), ("prepare transaction 'x'", true),
  ]) func `only a statement that commits leaves the outcome open inside a transaction`(sql: String, expected: Bool) {
    #expect(CommitScan.mayCommit(sql, isIdle: false) == expected)
  }

  @Test(arguments: [
    ("begin", false), ("begin; insert into t values (1)", false), ("insert into t values (1)", true), ("begin; select 1; commit", true),
    ("set lock_timeout = 1", false), ("begin; rollback; insert into t values (1)", true), ("do $$ begin null; end $$", true),
  ]) func `outside of a transaction a statement commits by itself`(sql: String, expected: Bool) {
    #expect(CommitScan.mayCommit(sql, isIdle: true) == expected)
  }
}
