import Testing
import TidemarkServers
import TidemarkTestKit

/// Records that break a rule become dead letters with their reason and bytes, and the good records around them are applied.
@Suite(.serialized) struct BadRecordTests {
  struct Bad: Sendable {
    var record: RawRecord
    var reason: String
    /// A part of the detail that a person needs to read.
    var detail = ""

    init(_ name: String, _ reason: String, _ detail: String = "", _ fields: KeyValuePairs<String, String>) {
      record = RawRecord(name, fields)
      self.reason = reason
      self.detail = detail
    }

    /// Whether the record names a session that Postgres can store.
    var hasSession: Bool { zip(record.parts, record.parts.dropFirst()).contains { $0 == Array("session".utf8) && $1 == Array("s".utf8) } }

    func with(_ field: String, _ value: [UInt8]) -> Bad {
      var bad = self
      bad.record = record.with(field, value)
      return bad
    }

    static func message(_ name: String, _ reason: String, _ detail: String = "", _ field: String, _ value: String) -> Bad {
      Bad(name, reason, detail, ["type": "message.appended", "session": "s", "role": "user", "content": "x", field: value])
    }

    static func context(_ name: String, _ detail: String = "", _ value: String) -> Bad {
      Bad(name, "bad_json", detail, ["type": "context.set", "session": "s", "key": "k", "value": value])
    }
  }

  static let bad: [Bad] = [
    Bad("no type", "missing_field", "type is missing", ["session": "s", "role": "user", "content": "x"]),
    Bad("no session", "missing_field", "session is missing", ["type": "message.appended", "role": "user", "content": "x"]),
    Bad("empty session", "missing_field", "session is empty", ["type": "messages.cleared", "session": ""]),
    Bad("a long session", "too_long", "300 bytes", ["type": "messages.cleared", "session": String(repeating: "s", count: 300)]),
    Bad("no role", "missing_field", "is it 'rule'?", ["type": "message.appended", "session": "s", "rule": "user", "content": "x"]),
    Bad("an empty role", "missing_field", "role is empty", ["type": "message.appended", "session": "s", "role": "", "content": "x"]),
    Bad("an empty key", "missing_field", "key is empty", ["type": "context.set", "session": "s", "key": "", "value": "1"]),
    Bad(
      "a long key", "too_long", "513 bytes",
      [
        "type": "context.set", "session": "s", "key": String(repeating: "k", count: 513), "value": "1",
      ]),
    .message("an empty message id", "invalid_field", "message_id", "message_id", ""),
    .context("broken JSON", "at byte 5", #"{"a":"#),
    .context("JSON with a NUL", "u0000", #""a\u0000b""#),
    .context("a lone surrogate", "lone surrogate", #""\ud800x""#),
    .context("a deep nest", "nested more than 1000", String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)),
    .context("a number beyond numeric", "numeric can't hold", "1e131072"),
    .context("no JSON", "value", "plain text"),
    Bad("not UTF-8", "bad_utf8", "'content'", ["type": "message.appended", "session": "s", "role": "user"])
      .with("content", [0x61, 0xFF, 0xFE, 0x0A]),
    Bad("a NUL", "unstorable_text", "'content'", ["type": "message.appended", "session": "s", "role": "user"])
      .with("content", [0x61, 0x00, 0x62]),
    Bad("a session that is not UTF-8", "bad_utf8", "'session'", ["type": "messages.cleared"]).with("session", [0xC3, 0x28]),
    .message("tokens that are no number", "bad_number", "tokens", "tokens", "many"),
    .message("tokens beyond 64 bits", "bad_number", "tokens", "tokens", "9223372036854775808"),
    .message("a time below zero", "invalid_field", "milliseconds", "ts", "-1"),
    .message("a time in seconds", "invalid_field", "seconds", "ts", "1795389463"),
    .message("a repeated field", "repeated_field", "'role'", "role", "assistant"),
    Bad(
      "no such status", "invalid_field", "ok, error, cancelled",
      [
        "type": "tool.finished", "session": "s", "call_id": "c", "status": "fine",
      ]),
    Bad("a score that is no number", "bad_number", "score", ["type": "outcome.recorded", "session": "s", "score": "NaN"]),
    .message("what only a constraint of Postgres sees", "constraint", "", "model", "forbidden"),
  ]

  @Test func badRecordsAloneAreDeadLettersAndTheLaneGoesOn() async throws {
    try await withProduct(["dead_letters.halt_after": "10000"]) { product in
      let worker = try await product.startWorker()
      try await forbid(product)
      // Each record gets its own transaction.
      for bad in Self.bad {
        let ids = try await product.add([bad.record])
        try await product.waitUntilCaughtUp()
        try await expect([(bad, ids[0])], product)
      }
      try await product.addMessages(1)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.messages") == "1")
      try await expectMarks(product)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func badRecordsAmongGoodOnesLeaveTheGoodOnesAlone() async throws {
    try await withProduct { product in
      // All records wait when the worker starts, so that they share transactions.
      try await forbid(product)
      let good = RawRecord("good", ["type": "message.appended", "session": "good", "role": "user", "content": "fine"])
      var records: [RawRecord] = []
      for bad in Self.bad { records += Array(repeating: good, count: 9) + [bad.record] }
      let ids = try await product.add(records)
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      try await expect(Self.bad.enumerated().map { ($1, ids[$0 * 10 + 9]) }, product)
      let goodCount = Self.bad.count * 9
      #expect(try await product.value("select count(*) from tidemark.messages where session_id = 'good'") == "\(goodCount)")
      #expect(
        try await product.rows("select read_total, applied_total, dead_letters_total from tidemark.lanes") == [
          "\(records.count)|\(goodCount)|\(Self.bad.count)"
        ])
      #expect(try await product.value("select count(*), max(no) from tidemark.changes") == "\(goodCount)|\(goodCount)")
      #expect(try await product.discrepancies() == [])
      try await expectMarks(product)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRepeatedEventIDIsADuplicateAndWithOtherContentADeadLetterAndADivergence() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      func message(_ content: String, _ id: String, _ session: String = "s") async throws -> String {
        try await product.add(["type": "message.appended", "session": session, "role": "user", "content": content, "event_id": id])
      }
      _ = try await message("one", "e-1")
      _ = try await message("one", "e-1")
      try await product.waitUntilCaughtUp()
      // The rule holds across transactions and within one, separately for each session.
      _ = try await message("one", "e-1")
      let reused = try await message("two", "e-1")
      _ = try await message("two", "e-1", "other")
      try await product.waitUntilCaughtUp()
      #expect(
        try await product.rows("select session_id, content from tidemark.messages order by entry_ms, entry_no") == ["s|one", "other|two"])
      #expect(
        try await product.rows("select read_total, applied_total, duplicates_total, dead_letters_total from tidemark.lanes") == ["5|2|2|1"])
      #expect(
        try await product.rows("select tidemark.entry_id(entry_ms, entry_no), reason, session_id from tidemark.dead_letters") == [
          "\(reused)|id_reused|s"
        ])
      #expect(try await product.rows("select kind, session_id, repaired_at is null from tidemark.divergences") == ["id_reused|s|t"])
      try await expectMarks(product)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatFinishesOrRemovesTheUnknownIsApplied() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add(["type": "tool.finished", "session": "s", "call_id": "c", "status": "ok", "result": "1"])
      try await product.add(["type": "message.removed", "session": "s", "message_id": "nobody"])
      try await product.add(["type": "message.removed", "session": "s", "last": "1"])
      try await product.add(["type": "context.removed", "session": "s", "key": "nothing"])
      try await product.waitUntilCaughtUp()
      #expect(
        try await product.rows("select call_id, attempt, status, result, started_at is null, finished_at is null from tidemark.tool_calls")
          == [
            "c|1|ok|1|t|f"
          ])
      #expect(try await product.rows("select applied_total, dead_letters_total from tidemark.lanes") == ["4|0"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func withReplaceANulBecomesTheReplacementCharacterInEveryPlace() async throws {
    try await withProduct(["text.unstorable": "replace"]) { product in
      let worker = try await product.startWorker()
      let nul: [UInt8] = [0x61, 0x00, 0x62]
      try await product.add([
        RawRecord("content", ["type": "message.appended", "session": "s", "role": "user"]).with("content", nul),
        RawRecord("an extra", ["type": "message.appended", "session": "s", "role": "user", "content": "x"]).with("extra", nul),
        RawRecord("a field of an unknown type", ["type": "custom", "session": "s"]).with("field", nul),
        RawRecord("a title", ["type": "session.started", "session": "s"]).with("title", nul),
      ])
      try await product.waitUntilCaughtUp()
      #expect(try await product.rows("select reason, detail from tidemark.dead_letters") == [])
      #expect(
        try await product.rows("select content, ext ->> 'extra' from tidemark.messages order by entry_ms, entry_no") == [
          "a\u{FFFD}b|", "x|a\u{FFFD}b",
        ])
      #expect(
        try await product.rows("select coalesce(fields ->> 'field', fields ->> 'title') from tidemark.changes where fields is not null")
          == [
            "a\u{FFFD}b", "a\u{FFFD}b",
          ])
      #expect(try await worker.stop() == 0)
    }
  }

  private func forbid(_ product: Product) async throws {
    _ = try await product.value("alter table tidemark.messages add constraint allowed check (model <> 'forbidden')")
  }

  /// Checks that each dead letter has its reason, its detail, its session if that is valid, and every byte as it was written.
  private func expect(_ all: [(bad: Bad, id: String)], _ product: Product) async throws {
    for (bad, id) in all {
      let row = try await product.rows(
        """
        select reason, raw_complete, coalesce(session_id, ''),
               (select string_agg(encode(p, 'hex'), ',' order by n) from unnest(raw) with ordinality r (p, n)), detail
          from tidemark.dead_letters where tidemark.entry_id(entry_ms, entry_no) = '\(id)'
        """)
      #expect(row.count == 1, "\(bad.record.name)")
      let parts = (row.first ?? "").split(separator: "|", maxSplits: 4, omittingEmptySubsequences: false)
      guard parts.count == 5 else { continue }
      #expect(parts[0] == bad.reason, "\(bad.record.name)")
      #expect(parts[1] == "t", "\(bad.record.name)")
      #expect(parts[2] == (bad.hasSession ? "s" : ""), "\(bad.record.name)")
      #expect(parts[3] == bad.record.hex, "\(bad.record.name)")
      #expect(bad.detail.isEmpty || parts[4].contains(bad.detail), "\(bad.record.name): \(parts[4])")
    }
  }

  /// Checks that Redis has the durable mark and the reasons of the rejected entries.
  private func expectMarks(_ product: Product) async throws {
    let last = try await product.redis.command("XREVRANGE", Product.lane, "+", "-", "COUNT", "1").components(separatedBy: "\n")[0]
    try await waitUntil("the durable mark is \(last)") {
      try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == last
    }
    let lines = try await product.redis.command("HGETALL", "tidemark:{0}:rejected").components(separatedBy: "\n")
    let told = stride(from: 0, to: lines.count - 1, by: 2).map { "\(lines[$0])|\(lines[$0 + 1])" }.sorted()
    #expect(try await product.rows("select tidemark.entry_id(entry_ms, entry_no), reason from tidemark.dead_letters").sorted() == told)
  }
}
