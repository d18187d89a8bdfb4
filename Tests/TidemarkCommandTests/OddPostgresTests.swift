import Foundation
import Testing
import TidemarkTestKit

/// Settings, triggers and policies that were made in Postgres by hand.
@Suite(.serialized) struct OddPostgresTests {
  @Test(arguments: [
    ("sslmode=bad", "invalid sslmode value", "verify-full"), ("service=nosuch", "definition of service", "correct service"),
  ])
  func whatLibpqRefusesByItselfEndsTheWorker(option: String, line: String, fix: String) async throws {
    try await withProduct { product in
      let settings = ["postgres.url": product.postgres.url + "?" + option]
      for command in [["check"], ["run", "--listen", "off"], ["migrate"]] {
        let outcome = try await TidemarkProcess.run(command, environment: product.environment(settings))
        let text = outcome.standardOutput + outcome.standardError
        #expect(outcome.exitCode == 1, "\(text)")
        #expect(text.split(separator: "\n").count { $0.contains(line) && $0.contains(fix) } == 1, "\(text)")
      }
    }
  }

  @Test func aLimitOnTemporaryFilesSplitsABatchInsteadOfHoldingItUpForEver() async throws {
    try await withProduct(["retry.base": "10ms", "retry.cap": "100ms"]) { product in
      try await product.postgres.adminPsql("alter role \"\(product.postgres.database)\" set temp_file_limit = 0")
      // A batch of such ids exceeds work_mem.
      let long = String(repeating: "x", count: 500)
      let records = (0..<12_000).map { number in
        "XADD \(Product.lane) * type message.appended session s\(number % 100) role user content x event_id e\(number)\(long) message_id m\(number)\(long)"
      }
      _ = try await product.redis.commands(records.joined(separator: "\n") + "\n")
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(worker.standardError.contains("53400"))
      #expect(try await product.value("select count(*) from tidemark.messages") == "12000")
      #expect(try await product.value("select count(*) from tidemark.dead_letters") == "0")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRoleWithTheLeastMemoryAndNoTemporaryFilesIsServed() async throws {
    try await withProduct { product in
      let role = product.postgres.database
      try await product.postgres.adminPsql(
        "alter role \"\(role)\" set temp_file_limit = 0; alter role \"\(role)\" set work_mem = '64kB'")
      let check = try await product.run("check")
      #expect(check.exitCode == 0, "\(check.standardOutput)")
      let worker = try await product.startWorker()
      try await product.addMessages(5_000)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.messages") == "5000")
      #expect(try await worker.stop() == 0)
    }
  }

  /// An entry that the role can't commit even alone is neither a dead letter nor an outage.
  @Test func anEntryThatIsTooMuchForALimitAloneHaltsItsLaneUntilTheLimitIsRaised() async throws {
    try await withProduct { product in
      let role = product.postgres.database
      try await product.postgres.adminPsql("alter role \"\(role)\" set temp_file_limit = 0")
      let large = String(repeating: "x", count: 8_000_000)
      try await product.add([
        RawRecord("before", ["type": "context.set", "session": "s", "key": "a", "value": "1"]),
        RawRecord("large", ["type": "context.set", "session": "s", "key": "b", "value": "\"\(large)\""]),
        RawRecord("behind", ["type": "context.set", "session": "s", "key": "c", "value": "1"]),
      ])
      // All three are there when the lane is first read, so that they come in one batch.
      let worker = try await product.startWorker()
      try await product.waitFor("halted", "select state from tidemark.lanes")
      let said = try await product.value("select last_error || ' ' || hint from tidemark.lanes")
      #expect(said.contains("53400 (configuration_limit_exceeded)") && said.contains("raise temp_file_limit or work_mem"), "\(said)")
      try await worker.waitForOutput("lane.halted")
      #expect(worker.standardError.contains("batch.bisected"))
      let status = try await product.run("status")
      #expect(status.standardOutput.contains("raise temp_file_limit or work_mem"), "\(status.standardOutput)")
      #expect(
        try await product.value("select string_agg(key, '') || (select count(*) from tidemark.dead_letters) from tidemark.context") == "a0")

      // Sessions keep the settings with which they began.
      try await product.postgres.adminPsql(
        """
        alter role "\(role)" reset temp_file_limit;
        select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '\(role)'
        """)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select string_agg(key, '' order by key) from tidemark.context") == "abc")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aTriggerThatFailsIsNamedInTheLanesHint() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.value(
        """
        create schema app;
        create function app.audit() returns trigger language plpgsql as $$ begin insert into audit_log values (1); return new; end $$;
        create trigger audit_rows after insert on tidemark.messages for each row execute function app.audit();
        """)
      try await product.addMessages(1)
      try await product.waitFor("halted", "select state from tidemark.lanes")
      let hint = try await product.value("select hint from tidemark.lanes")
      #expect(hint.contains("the trigger audit_rows on messages calls app.audit()"), "\(hint)")
      #expect(hint.contains("pin search_path"))
      try await product.value("drop trigger audit_rows on tidemark.messages")
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func rowLevelSecurityWithoutAPolicyIsFound() async throws {
    try await withProduct { product in
      let (port, name) = (product.postgres.port, product.postgres.database)
      let role = "\(name)_rls"
      try await product.postgres.adminPsql("create role \"\(role)\" login; grant connect on database \"\(name)\" to \"\(role)\"")
      try await product.value(
        """
        grant usage on schema tidemark to "\(role)";
        grant select, insert, update, delete on all tables in schema tidemark to "\(role)";
        alter table tidemark.messages enable row level security;
        """)
      let settings = ["postgres.url": "postgresql://\(role)@127.0.0.1:\(port)/\(name)"]
      let check = try await product.run("check", settings: settings)
      #expect(check.exitCode == 1)
      let line = check.standardOutput.split(separator: "\n").first { $0.contains("postgres.row_security") } ?? ""
      #expect(line.contains("problem") && line.contains("messages") && line.contains("BYPASSRLS"), "\(check.standardOutput)")
      // The policy does not apply to the owner.
      let owner = try await product.run("check")
      #expect(!owner.standardOutput.contains("row_security"))
      try await product.value("create policy all_rows on tidemark.messages using (true) with check (true)")
      let filtered = try await product.run("check", settings: settings)
      #expect(filtered.standardOutput.contains("warning postgres.row_security: policies decide"), "\(filtered.standardOutput)")
      try await product.postgres.adminPsql("drop owned by \"\(role)\"; drop role \"\(role)\"")
    }
  }
}
