import Testing

@testable import TidemarkCore

@Suite struct BatchBuilderTests {
  private static let at = "1970-01-01 00:00:00.001+00"

  /// Each row has a type, its fields, and the rows that they make in each destination; extras are `x`: `y`.
  private static let rows: [(String, [RawField], [String: [[String?]]])] = [
    (
      "session.started",
      [["agent", "a"], ["user", "u"], ["tenant", "t"], ["title", "T"], ["parent", "p"], ["meta.k", "[1]"], ["meta.n", "null"]],
      [
        "apply_session_changes": [
          ["s", "1", "0", "1", at, "session.started", "a", "u", "t", "T", "p", "active", #"{"k":[1],"n":null}"#, #"{"x":"y"}"#]
        ]
      ]
    ),
    (
      "session.updated", [["title", "T"], ["status", "paused"], ["meta.k", "1"]],
      [
        "apply_session_changes": [
          ["s", "1", "0", "1", at, "session.updated", nil, nil, nil, "T", nil, "paused", #"{"k":1}"#, #"{"x":"y"}"#]
        ]
      ]
    ),
    (
      "session.ended", [],
      ["apply_session_changes": [["s", "1", "0", "1", at, "session.ended", nil, nil, nil, nil, nil, "completed", nil, #"{"x":"y"}"#]]]
    ),
    (
      "session.ended", [["status", "failed"]],
      ["apply_session_changes": [["s", "1", "0", "1", at, "session.ended", nil, nil, nil, nil, nil, "failed", nil, #"{"x":"y"}"#]]]
    ),
    (
      "message.appended", [["role", "user"], ["content", ""], ["seq", "7"]],
      [
        "messages": [["s", "1", "0", "1", "7", nil, nil, nil, "user", "", nil, nil, nil, nil, nil, #"{"x":"y"}"#, at]],
        "hide_messages": [],
      ]
    ),
    (
      "message.appended",
      [
        ["parts", "[1]"], ["message_id", "m"], ["parent_id", "p"], ["call_id", "c"], ["model", "gpt"], ["tokens", "5"],
        ["usage", "{}"], ["meta", "null"],
      ],
      [
        "messages": [["s", "1", "0", "1", nil, "m", "p", "c", nil, nil, "[1]", "gpt", "5", "{}", "null", #"{"x":"y"}"#, at]],
        "hide_messages": [["s", "1", "0", "1", at, "replace", "m"]],
      ]
    ),
    ("message.removed", [["message_id", "m"]], ["hide_messages": [["s", "1", "0", "1", at, "remove", "m"]], "messages": []]),
    ("message.removed", [["last", "1"]], ["hide_messages": [["s", "1", "0", "1", at, "last", nil]]]),
    ("message.removed", [["message_id", "m"], ["last", "1"]], ["hide_messages": [["s", "1", "0", "1", at, "remove", "m"]]]),
    ("messages.cleared", [], ["hide_messages": [["s", "1", "0", "1", at, "clear", nil]]]),
    (
      "context.set", [["key", "k"], ["value", "{}"]],
      [
        "context_history": [["s", "1", "0", "1", "k", "note", "{}", "false", at]],
        "set_context": [["s", "k", "note", "{}", "1", "0", "1", at]], "remove_context": [],
      ]
    ),
    ("context.set", [["key", "k"], ["value", "1"], ["kind", "goal"]], ["set_context": [["s", "k", "goal", "1", "1", "0", "1", at]]]),
    (
      "context.removed", [["key", "k"]],
      [
        "context_history": [["s", "1", "0", "1", "k", nil, nil, "true", at]],
        "remove_context": [["s", "k", "1", "0", "1"]], "set_context": [],
      ]
    ),
    (
      "tool.started", [["call_id", "c"], ["tool", "t"], ["arguments", "{}"], ["idempotency_key", "i"]],
      [
        "apply_tool_calls": [
          ["s", "c", "1", "0", "1", at, "t", "{}", "i", #"{"x":"y"}"#, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil]
        ]
      ]
    ),
    (
      "tool.finished", [["call_id", "c"], ["status", "ok"], ["result", "1"], ["error", "e"], ["cost", "0.5"], ["usage", "{}"]],
      [
        "apply_tool_calls": [
          ["s", "c", nil, nil, nil, nil, nil, nil, nil, nil, "1", "0", "1", at, "ok", "1", "e", "0.5", "{}", #"{"x":"y"}"#]
        ]
      ]
    ),
    (
      "outcome.recorded",
      [["label", "l"], ["score", "0.5"], ["scorer", "me"], ["message_id", "m"], ["call_id", "c"], ["meta", "{}"]],
      ["outcomes": [["s", "1", "0", "1", "l", "0.5", "me", "m", "c", "{}", #"{"x":"y"}"#, at]]]
    ),
    ("snapshot.requested", [["reason", "r"], ["seq", "3"]], ["take_snapshots": [["s", "1", "0", "1", "3", "r", at]]]),
    ("billing.charged", [], ["apply_session_changes": [], "messages": []]),
  ]

  @Test(arguments: rows.indices) func `a change makes its rows, each value in its column`(index: Int) {
    let (type, fields, expected) = Self.rows[index]
    let batch = ChangeBatch.of(numbered([change(type, fields + [["x", "y"]])]))
    #expect(batch.entries.map(\.disposition) == [.apply])
    for (destination, rows) in expected { #expect(batch.rows(destination) == rows, "\(type) into \(destination)") }
    #expect(batch.rows("ensure_sessions") == [["s", "1", Self.at]])
    // No other destination has rows.
    let full = Set(expected.filter { !$0.value.isEmpty }.keys).union(["ensure_sessions"])
    if type != "context.set" { #expect(Set(batch.rowSets.filter { $0.rowCount > 0 }.map(\.destination.name)) == full) }
  }

  @Test func `without extras the column is NULL`() {
    let batch = ChangeBatch.of(numbered([change("tool.started", [["call_id", "c"], ["tool", "t"]])]))
    #expect(batch.rows("apply_tool_calls").first?[9] == .some(nil))
  }

  @Test func `the ledger keeps the envelope`() {
    let fields = change(
      "a", [["event_id", "e"], ["seq", "1"], ["epoch", "-2"], ["ts", "1700000000123"], ["actor", "me"], ["trace", "t"], ["v", "3"]])
    let batch = ChangeBatch.of([(EntryID(ms: 5, no: 6), fields)])
    let entry = batch.entries[0]
    let cells = [
      entry.session, entry.eventID, entry.seq, entry.epoch, entry.type, entry.actor, entry.trace, entry.version, entry.occurredAt,
    ]
    #expect(cells.map { batch.text($0) } == ["s", "e", "1", "-2", "a", "me", "t", "3", "2023-11-14 22:13:20.123+00"])
    let plain = ChangeBatch.of([(EntryID(ms: 5, no: 6), change("a"))]).entries[0]
    for cell in [plain.eventID, plain.seq, plain.epoch, plain.actor, plain.trace] { #expect(cell == .null) }
  }

  @Test func `the JSON size of an entry counts against its limit, and is checked before the JSON is made`() throws {
    let limit = 40_000
    func batch(_ type: String, _ fields: [RawField], replacesNUL: Bool = false) -> ChangeBatch {
      .of(numbered([change(type, fields)]), maxEntryBytes: limit, replacesNUL: replacesNUL)
    }
    func text(_ character: Character, _ count: Int) -> String { String(repeating: character, count: count) }
    let kept: [(String, [RawField])] = [
      ("my.type", [["body", text("\u{1}", 6_000)]]), ("my.type", [["body", text("\"", 19_000)]]),
      ("my.type", [["body", text("x", 39_000)]]), ("message.appended", [["role", "user"], ["content", text("\"", 39_000)]]),
      ("session.updated", [["meta.a", "\"" + text("x", 19_000) + "\""]]),
    ]
    for (type, fields) in kept {
      let batch = batch(type, fields)
      #expect(batch.entries[0].disposition == .apply, "\(type)")
      #expect(batch.made.count <= limit)
    }
    let refused: [(String, [RawField])] = [
      ("my.type", [["body", text("\u{1}", 7_000)]]), ("my.type", [["body", text("\\", 21_000)]]),
      ("message.appended", [["role", "user"], ["content", "c"], ["x", text("\u{1F}", 7_000)]]),
      // The value is kept in the audit trail and in a column.
      ("session.updated", [["meta.a", "\"" + text("x", 21_000) + "\""]]),
    ]
    for (type, fields) in refused {
      let batch = batch(type, fields)
      guard case .rejected(let rejection) = batch.entries[0].disposition else {
        Issue.record("\(type) is taken")
        continue
      }
      #expect(rejection.reason == .entryTooLarge)
      #expect(!rejection.isCut)
      // The only made bytes are the routes' constants.
      #expect(batch.made.count < 100)
      #expect(batch.text(batch.entries[0].session) == "s")
    }
    // A NUL takes three bytes after it is replaced.
    for (count, isTaken) in [(13_000, true), (14_000, false)] {
      let batch = batch("message.appended", [["role", "user"], ["content", text("\0", count)]], replacesNUL: true)
      #expect((batch.entries[0].disposition == .apply) == isTaken)
    }
  }

  private static let kept: [(String, [RawField], String?)] = [
    ("session.started", [["title", "T"], ["meta.a", "{\"b\":null}"], ["x", "y"]], #"{"title":"T","meta.a":{"b":null},"x":"y"}"#),
    ("session.ended", [], "{}"),
    ("message.removed", [["message_id", "m"], ["x", "y"]], #"{"message_id":"m","x":"y"}"#),
    ("messages.cleared", [], "{}"),
    ("message.appended", [["parts", "[]"], ["x", "y"]], nil),
    ("context.set", [["key", "k"], ["value", "1"]], nil),
    ("context.set", [["key", "k"], ["value", "1"], ["x", "y"]], #"{"x":"y"}"#),
    ("tool.started", [["call_id", "c"], ["tool", "t"], ["x", "y"]], nil),
    ("tool.finished", [["call_id", "c"], ["status", "ok"], ["x", "y"]], #"{"x":"y"}"#),
    ("outcome.recorded", [["label", "l"], ["x", "y"]], nil),
    ("snapshot.requested", [["reason", "r"], ["x", "y"]], #"{"x":"y"}"#),
    (
      "billing", [["a\"\\\n\u{1}é", "\t\u{7F}😀/"]],
      "{\"type\":\"billing\",\"session\":\"s\",\"a\\\"\\\\\\u000a\\u0001é\":\"\\u0009\u{7F}😀/\"}"
    ),
  ]

  @Test(arguments: kept.indices) func `the audit trail keeps what no other table holds unchanged, as valid JSON`(index: Int) {
    let (type, fields, expected) = Self.kept[index]
    let batch = ChangeBatch.of(numbered([change(type, fields)]))
    let kept = batch.text(batch.entries[0].fields)
    #expect(kept == expected, "\(type)")
    if let kept { #expect(jsonProblem(kept) == nil) }
  }

  @Test func `where replacing is configured, NULs become the replacement character in every text`() {
    let batch = ChangeBatch.of(
      numbered([[["type", "context.set"], ["session", "s\0"], ["key", "\0k"], ["value", "1"], ["x\0", "\0"]]]), replacesNUL: true)
    #expect(batch.rows("set_context").first?.prefix(2) == ["s\u{FFFD}", "\u{FFFD}k"])
    #expect(batch.text(batch.entries[0].fields) == "{\"x\u{FFFD}\":\"\u{FFFD}\"}")
  }

  @Test func `a dead letter has its session, as Postgres can store it, whatever the reason`() {
    let entries: [[RawField]] = [
      change("messages.cleared", [["x", "\0"]]), change("messages.cleared", [RawField(Array("x".utf8), [0xFF])]),
      [["type", "messages.cleared"], ["session", "s\0"], RawField(Array("x".utf8), [0xFF])],
    ]
    let strict = ChangeBatch.of(numbered(entries))
    #expect(strict.applied == [])
    #expect(strict.entries.map { strict.text($0.session) } == ["s", "s", nil])
    let replacing = ChangeBatch.of(numbered(entries), replacesNUL: true)
    #expect(replacing.applied == [0])
    #expect(replacing.entries.map { replacing.text($0.session) } == ["s", "s", "s\u{FFFD}"])
  }

  @Test func `an ephemeral entry and a rejected one make no rows`() {
    let batch = ChangeBatch.of(
      numbered([change("messages.cleared", [["ephemeral", "1"]]), change("context.set", [["key", "k"]]), change("messages.cleared")]))
    #expect(batch.entries[0].disposition == .ephemeral)
    #expect(batch.entries[1].disposition == .rejected(Rejection(.missingField, "the field value is missing")))
    #expect(batch.text(batch.entries[1].session) == "s")
    #expect(batch.applied == [2])
    #expect(batch.rowSets.reduce(0) { $0 + $1.rowCount } == 2)
    #expect(batch.rowSets.allSatisfy { $0.entries.allSatisfy { $0 == 2 } })
  }

  @Test func `an entry in another partition than its session's is marked as misrouted, and applied`() {
    let home = BuiltInLanes(prefix: "t", partitions: 4).partition(ofSession: "s".utf8)
    for number in 0..<4 {
      let batch = ChangeBatch.of(numbered([change("messages.cleared")]), partition: SessionPartition(number: number, count: 4))
      #expect(batch.entries[0].isMisrouted == (number != home))
      #expect(batch.entries[0].disposition == .apply)
    }
    #expect(!ChangeBatch.of(numbered([change("a")]), record: .named("orders")).entries[0].isMisrouted)
  }

  @Test func `a session of a lane of any sessions is looked for in the partition of the next lane of the batch`() {
    let away = SessionPartition(number: 1 - BuiltInLanes(prefix: "t", partitions: 2).partition(ofSession: "s".utf8), count: 2)
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: EntryDecoder.Limits(maxEntryBytes: 1_000, replacesNUL: false))
    for (name, partition) in [("orders", nil), ("t:{1}:changes", away), ("jobs", nil)] {
      builder.append(lane: .named(name), partition: partition, [EntryBlock.of(numbered([change("a")])).chunk()])
    }
    #expect(builder.finish().entries.map(\.isMisrouted) == [false, true, false])
  }

  @Test func `changes of the types that have snapshots get one each, and no others do`() {
    let policy = SnapshotPolicy(types: ["session.ended", "plan.approved", "snapshot.requested"])
    let batch = ChangeBatch.of(
      numbered([
        change("session.ended"), change("plan.approved"), change("plan.made"), change("messages.cleared"), change("snapshot.requested"),
      ]), snapshotTypes: policy.types)
    let snapshots = batch.rowSets.first { $0.destination.name == "take_snapshots" }
    let reasons = (0..<(snapshots?.rowCount ?? 0)).map { row in snapshots.flatMap { batch.text($0.cell(row: row, column: 5)) } }
    // A request has a row of its own.
    #expect(reasons == ["session.ended", "plan.approved", nil])
    #expect(snapshots?.entries == [0, 1, 4])
  }

  @Test func `entries of a batch belong to their own lane and block`() {
    let first = EntryBlock.of(numbered([change("a"), change("b")]))
    let second = EntryBlock.of([(EntryID(ms: 3, no: 0), change("c"))])
    var builder = BatchBuilder(
      routes: RouteTable.builtIn, limits: EntryDecoder.Limits(maxEntryBytes: 1_000, replacesNUL: false))
    builder.append(lane: .named("one", id: 1, fence: 5), partition: nil, [first.chunk(), second.chunk()])
    builder.append(lane: .named("none", id: 2), partition: nil, [])
    builder.append(lane: .named("two", id: 3), partition: nil, [LaneChunk(block: first, blockID: 9, entries: 1..<2)])
    let batch = builder.finish()
    #expect(batch.segments.map(\.lane) == ["one", "two"])
    #expect(batch.segments.map(\.entries) == [0..<3, 3..<4])
    #expect(batch.segments[0].fence == 5)
    #expect(batch.lastID(of: batch.segments[0]) == EntryID(ms: 3, no: 0))
    #expect(batch.entries.map(\.lane) == [0, 0, 0, 1])
    #expect(batch.entries.map { batch.blocks[$0.block].entries[$0.indexInBlock].id } == batch.entries.map(\.id))
    #expect(batch.entries.map { batch.text($0.type) } == ["a", "b", "c", "b"])
  }
}
