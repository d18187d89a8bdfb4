import Testing
import TidemarkServers
import TidemarkTestKit

/// A role and an environment with unusual settings for everything.
@Suite(.serialized) struct RoleSettingsTests {
  private static let wrong: KeyValuePairs<String, String> = [
    "client_encoding": "LATIN1", "standard_conforming_strings": "off", "bytea_output": "escape", "array_nulls": "off",
    "extra_float_digits": "-15", "transform_null_equals": "on", "search_path": "public", "row_security": "off",
    "timezone": "Asia/Kathmandu", "datestyle": "German, DMY", "intervalstyle": "iso_8601",
    "default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "exit_on_error": "on",
    "plpgsql.extra_errors": "all", "idle_session_timeout": "20s", "statement_timeout": "2s", "synchronous_commit": "off",
  ]

  @Test func `whatever a role, an address and an environment say of sessions, every good entry arrives as it was written`() async throws {
    try await withProduct(isMigrated: false) { product in
      let name = product.postgres.database
      let alters = Self.wrong.map { "alter role \"\(name)\" set \($0.key) = '\($0.value)';" }
      try await product.postgres.adminPsql(alters.joined(separator: "\n"))
      var environment = product.environment(["postgres.url": product.postgres.url + "?client_encoding=LATIN1"])
      for (variable, value) in ["PGCLIENTENCODING": "LATIN1", "PGOPTIONS": "-c bytea_output=escape", "PGTZ": "Asia/Kathmandu"] {
        environment[variable] = value
      }
      let migrated = try await TidemarkProcess.run(["migrate"], environment: environment)
      #expect(migrated.exitCode == 0, "\(migrated.standardError)")
      let worker = try await TidemarkProcess.start(["run", "--listen", "off"], environment: environment)
      try await worker.waitForOutput("worker.started")
      // One entry alone uses a row, many entries use arrays of columns with NULLs, then COPY, then the exact path.
      for number in 1...3 {
        try await product.add([
          "type": "message.appended", "session": "s", "role": "user", "content": "Größe \(number) \\' \u{1F30A}", "event_id": "e\(number)",
        ])
      }
      try await product.addMessages(800)
      try await product.add([
        "type": "message.appended", "session": "s", "role": "user", "content": "Größe 1 \\' \u{1F30A}", "event_id": "e1",
      ])
      try await product.add(["type": "context.set", "session": "s", "key": "k", "value": #"{"a":[1.10,null,"\\x41"]}"#])
      try await product.add(["type": "tool.started", "session": "s", "call_id": "c", "tool": "t"])
      try await waitUntil("everything is applied") {
        try await product.postgres.adminPsql("select coalesce(sum(read_total), 0) from tidemark.lanes") == "806"
      }
      // The database's owner has these settings too, whose timeouts are too short for its queries.
      func value(_ sql: String) async throws -> String { try await product.postgres.adminPsql(sql) }
      #expect(try await value("select string_agg(detail, ', ') from tidemark.dead_letters") == "")
      #expect(try await value("select sum(applied_total), sum(duplicates_total) from tidemark.lanes") == "805|1")
      let contents = try await value("select content from tidemark.messages where content like 'Gr%' order by content collate \"C\"")
      #expect(contents == (1...3).map { "Größe \($0) \\' \u{1F30A}" }.joined(separator: "\n"))
      #expect(try await value(#"select value ->> 'a' from tidemark.context"#) == #"[1.10, null, "\\x41"]"#)
      #expect(try await value("select count(*) from tidemark.messages where at::date between now()::date - 1 and now()::date + 1") == "803")
      #expect(try await worker.stop() == 0)
      let again = try await TidemarkProcess.start(["run", "--listen", "off"], environment: environment)
      try await again.waitForOutput("lanes.owned")
      try await product.addMessages(1)
      try await waitUntil("the next is applied") { try await value("select sum(applied_total) from tidemark.lanes") == "806" }
      #expect(again.standardError.contains("Tidemark's own sessions set it to on"))
      #expect(try await again.stop() == 0)
    }
  }
}
