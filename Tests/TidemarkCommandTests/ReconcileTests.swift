import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Redis and Postgres are compared by the worker and by `tidemark reconcile`.
@Suite(.serialized) struct ReconcileTests {
  private static let settings = ["reconcile.interval": "1s", "reconcile.rate": "1000000"]

  /// Calls the function library for a session of the only lane.
  private static func append(_ arguments: String, session: String, _ product: Product) async throws {
    let keys =
      ["changes", "lane"].map { "tidemark:{0}:\($0)" }
      + ["session", "context", "messages", "tools", "ids"].map { "tidemark:{0}:\($0):\(session)" }
    let answer = try await product.redis.commands(
      "FCALL tidemark_append 7 \(keys.joined(separator: " ")) \(session) \(arguments)\n")
    #expect(!answer.contains("ERR"), "\(answer)")
  }

  /// Entries of every outcome: changes of each kind, dead letters of the decoder and of Postgres, duplicates, a reused id, and ephemeral ones.
  private static func load(_ product: Product) async throws {
    for session in ["f1", "f2"] {
      try await append("session.started - agent a", session: session, product)
      for n in 1...4 { try await append("message.appended - role user content m\(n) event_id e\(n)", session: session, product) }
      try await append("context.set - key k value 1", session: session, product)
      try await append("tool.started - call_id c tool t", session: session, product)
      try await append("tool.finished - call_id c status ok", session: session, product)
      // The function does not look into JSON: a numbered change becomes a dead letter.
      try await append("context.set - key k value {", session: session, product)
      try await append("session.ended -", session: session, product)
    }
    try await product.addMessages(30)
    for _ in 0..<2 { try await product.add(["type": "note", "session": "s", "event_id": "twice", "text": "1"]) }
    try await product.add(["type": "note", "session": "s", "event_id": "twice", "text": "2"])
    try await product.add(["type": "note", "session": "s", "ephemeral": "1"])
    try await product.add([RawRecord("nul", ["type": "session.updated", "session": "s"]).with("title", [0x61, 0])])
    try await product.waitUntilCaughtUp()
  }

  private static func waitUntilVerified(_ product: Product) async throws {
    try await product.waitFor("t", "select bool_and((verified_ms, verified_no) = (entry_ms, entry_no)) from tidemark.lanes")
  }

  @Test func aCleanLoadIsVerifiedUpToTheCursorAndNothingIsReported() async throws {
    try await withProduct(Self.settings) { product in
      let worker = try await product.startWorker()
      try await Self.load(product)
      try await Self.waitUntilVerified(product)
      #expect(try await product.value("select count(*) from tidemark.divergences where subject is not null") == "0")
      let outcome = try await product.run("reconcile")
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardOutput == "" && outcome.standardError == "nothing is different\n")
      let status = try await product.run("status", "--json")
      let report = try JSONSerialization.jsonObject(with: Data(status.standardOutput.utf8)) as? [String: Any]
      let lane = (report?["lanes"] as? [[String: Any]])?.first
      #expect(lane?["verified_through"] as? String == lane?["entry_id"] as? String)
      #expect(lane?["verified_at"] is String)
      #expect(lane?["divergences_open"] as? Int == 0)
      // Letters that are discarded or replayed explain their entries, too.
      _ = try await product.run("dead-letters", "discard", "1")
      #expect(try await product.run("reconcile").exitCode == 0)
      #expect(try await worker.stop() == 0)
    }
  }

  /// What the comparison of the log found: a message without its change is a difference of the tables, too.
  private static let ofTheLog =
    "tidemark.divergences where kind in ('missing_in_postgres', 'different_in_postgres', 'entry_deleted', 'sequence_gap')"

  @Test func theWorkerFindsEachKindOfDifference() async throws {
    try await withProduct(Self.settings) { product in
      let early = try await product.startWorker(settings: ["reconcile.interval": "1d"])
      try await Self.load(product)
      #expect(try await early.stop() == 0)
      let ids = try await product.rows("select tidemark.entry_id(entry_ms, entry_no) from tidemark.changes order by entry_ms, entry_no")
      // A number that Redis lost before it was read.
      try await product.value("update tidemark.lanes set verified_ms = began_ms, verified_no = began_no")
      try await product.value("delete from tidemark.change_log where tidemark.entry_id(entry_ms, entry_no) = '\(ids[3])'")
      try await product.value(
        "update tidemark.change_log set digest = sha256('x')::bytea where tidemark.entry_id(entry_ms, entry_no) = '\(ids[5])'")
      try await product.redis.command("XDEL", Product.lane, ids[20], ids[21])
      let worker = try await product.startWorker()
      try await Self.waitUntilVerified(product)
      #expect(
        try await product.rows(
          "select kind, subject, through_ms is not null from \(Self.ofTheLog) order by entry_ms, entry_no")
          == ["missing_in_postgres|\(ids[3])|t", "different_in_postgres|\(ids[5])|t", "entry_deleted|\(ids[20])|t"])
      try await worker.waitForOutput("divergences.found")
      // What was found stays found once.
      let outcome = try await product.run("reconcile", "--lane", Product.lane)
      #expect(outcome.exitCode == 1)
      #expect(outcome.standardOutput.split(separator: "\n").count == 3, "\(outcome.standardOutput)")
      #expect(outcome.standardError.hasSuffix("3 differences\n"), "\(outcome.standardError)")
      #expect(try await product.value("select count(*) from \(Self.ofTheLog)") == "3")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aHoleInTheNumbersIsFoundByTheCommandWithoutAWorker() async throws {
    try await withProduct(Self.settings) { product in
      try await Self.append("session.started -", session: "f", product)
      for n in 2...6 { try await Self.append("message.appended - role user content m\(n)", session: "f", product) }
      let entries = try await product.redis.command("XRANGE", Product.lane, "-", "+").split(separator: "\n").filter { $0.contains("-") }
      try #require(entries.count == 6)
      try await product.redis.command("XDEL", Product.lane, String(entries[2]), String(entries[3]))
      let worker = try await product.startWorker(settings: ["reconcile.interval": "1d"])
      try await product.waitFor("4", "select count(*) from tidemark.changes")
      #expect(try await worker.stop() == 0)
      try await product.value("delete from tidemark.divergences")
      try await product.value("delete from tidemark.session_numbers")
      let dry = try await product.run("reconcile", "--lane", Product.lane, "--dry-run", "--json")
      #expect(dry.exitCode == 1, "\(dry.standardError)")
      let row = try JSONSerialization.jsonObject(with: Data(dry.standardOutput.utf8)) as? [String: Any]
      #expect(row?["kind"] as? String == "sequence_gap")
      #expect(row?["session_id"] as? String == "f")
      #expect((row?["detail"] as? String)?.hasPrefix("numbers 3 to 4 of epoch ") == true)
      #expect(try await product.value("select count(*) from \(Self.ofTheLog)") == "0")
      #expect(try await product.run("reconcile", "--session", "g").exitCode == 0)
      #expect(try await product.run("reconcile", "--session", "f").exitCode == 1)
      #expect(try await product.run("reconcile", "--lane", Product.lane).exitCode == 1)
      #expect(try await product.value("select count(*) from \(Self.ofTheLog)") == "1")
    }
  }

  @Test func whatPostgresLacksIsRepairedOnceByTwoCommandsAndAWorkerAtOnce() async throws {
    try await withProduct(Self.settings) { product in
      let early = try await product.startWorker(settings: ["reconcile.interval": "1d"])
      try await Self.load(product)
      #expect(try await early.stop() == 0)
      let trail =
        "select session_id, seq, event_id, type, entry_ms, entry_no, digest, fields from tidemark.changes order by entry_ms, entry_no"
      let state = "select session_id, tidemark.state(session_id) from tidemark.sessions order by 1"
      let (changes, states) = (try await product.rows(trail), try await product.rows(state))
      // Audit rows alone, a message as a whole, and a dead letter.
      try await product.value("delete from tidemark.change_log where session_id = 'f1'")
      try await product.value(
        "with gone as (delete from tidemark.messages where content = 'message 7' returning entry_ms, entry_no) delete from tidemark.change_log c using gone g where c.entry_ms = g.entry_ms and c.entry_no = g.entry_no"
      )
      try await product.value("delete from tidemark.dead_letters where reason = 'unstorable_text'")
      try await product.value("update tidemark.lanes set verified_ms = began_ms, verified_no = began_no")
      let shown = try await product.run("reconcile", "--lane", Product.lane, "--repair", "--dry-run")
      #expect(shown.exitCode == 1)
      #expect(shown.standardOutput.split(separator: "\n").count == 11, "\(shown.standardOutput)")
      #expect(try await product.value("select count(*) from \(Self.ofTheLog)") == "0")

      let worker = try await product.startWorker(settings: ["reconcile.repair": "missing"])
      async let first = product.run("reconcile", "--lane", Product.lane, "--repair")
      async let second = product.run("reconcile", "--lane", Product.lane, "--repair", "--json")
      let outcomes = try await [first, second]
      #expect(outcomes.map(\.exitCode) == [0, 0], "\(outcomes.map(\.standardError))")
      try await Self.waitUntilVerified(product)
      try await product.waitFor("0", "select count(*) from \(Self.ofTheLog) and repaired_at is null")
      #expect(try await product.rows(trail) == changes)
      #expect(try await product.rows(state) == states)
      #expect(try await product.value("select count(*) from tidemark.dead_letters where reason = 'unstorable_text'") == "1")
      #expect(
        try await product.value("select count(*) = count(distinct subject) from \(Self.ofTheLog)") == "t")
      #expect(try await product.run("reconcile").exitCode == 0)
      // The lane goes on.
      try await product.addMessages(3, session: "after")
      try await product.waitUntilCaughtUp()
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func wrongArgumentsAreRefused() async throws {
    try await withProduct { product in
      for (arguments, text) in [
        (["--session", ""], "--session: is not 1 to 256 bytes long"), (["--lane", ""], "--lane: is empty"),
      ] {
        let outcome = try await TidemarkProcess.run(["reconcile"] + arguments, environment: product.environment)
        #expect(outcome.exitCode == 2)
        #expect(outcome.standardError.contains(text), "\(outcome.standardError)")
      }
      let unknown = try await product.run("reconcile", "--lane", "nothing*")
      #expect(unknown.exitCode == 1)
      #expect(unknown.standardError == "tidemark: reconcile: no lane matches nothing*; `tidemark status` lists the lanes\n")
    }
  }
}
