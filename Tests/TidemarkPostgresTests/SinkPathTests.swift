import Foundation
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkPathTests {
  /// A bit of everything, with values that every form of text has to escape.
  private static func entries(_ count: Int) -> [HandMade] {
    let nasty = "tab\t line\n return\r back\\slash \\N \\. \"quotes\" {braces,} 'single' NULL é😀 \u{7F}\u{1}"
    return (0..<count).map { index in
      let (ms, session) = (UInt64(1_000 + index), "session \(index % 7) \\ \t")
      switch index % 12 {
      case 0: return HandMade(ms, "session.started", session, [("agent", nasty), ("meta.k\"\\", "{\"a\": [1, null]}"), ("x", nasty)])
      case 1:
        return HandMade(
          ms, "message.appended", session,
          [
            ("role", "user"), ("content", nasty), ("message_id", "m\(index % 5)"), ("tokens", "5"), ("event_id", "e\(index)"),
            ("seq", "\(index)"),
          ])
      case 2: return HandMade(ms, "context.set", session, [("key", nasty), ("value", "\"\\n\\\\ \(index)\"")])
      case 3:
        return HandMade(ms, "tool.started", session, [("call_id", "c\(index % 3)"), ("tool", nasty), ("arguments", "{\"a\":\"\\t\"}")])
      case 4: return HandMade(ms, "tool.finished", session, [("call_id", "c\(index % 3)"), ("status", "ok"), ("cost", "0.10")])
      case 5: return HandMade(ms, "message.appended", session, [("parts", "[{\"t\": \"\\\\N\"}]"), ("meta", "null"), ("trace", nasty)])
      case 6: return HandMade(ms, "outcome.recorded", session, [("label", ""), ("score", "0.5")])
      case 7: return HandMade(ms, "message.removed", session, [("last", "1")])
      case 8: return HandMade(ms, "billing.charged", session, [(nasty, nasty)])
      case 9: return HandMade(ms, "context.set", session, [("key", "broken"), ("value", "{")])
      case 10: return HandMade(ms, "snapshot.requested", session, [("reason", nasty)])
      default: return HandMade(ms, "context.removed", session, [("key", nasty), ("ephemeral", index % 24 == 11 ? "1" : "0")])
      }
    }
  }

  /// Some with cells that travel beside their rows, among others that have none or are left out.
  private static func largeEntries() -> [HandMade] {
    let nasty = String(repeating: "\"\\\u{1}é{,}' ", count: 9_000)
    let json = "\"" + String(repeating: "\\\"\\\\ ", count: 20_000) + "\""
    let small = HandMade(1, "message.appended", "s", [("role", "user"), ("content", "small"), ("event_id", "e")])
    return [
      small, HandMade(2, "message.appended", "s", [("role", nasty.prefix(100).description), ("content", nasty), ("trace", nasty)]),
      HandMade(3, "context.set", "s", [("key", "k"), ("value", json)]),
      // Refused by Postgres and by the decoder, and a duplicate, each with large cells.
      HandMade(4, "context.set", "s", [("key", "refused"), ("value", json)]),
      HandMade(5, "context.set", "s", [("key", "k"), ("value", json + "{")]),
      HandMade(6, "message.appended", "s", [("role", "user"), ("content", "small"), ("event_id", "e")]),
      HandMade(7, "message.appended", "s", [("role", "user"), ("content", nasty), ("event_id", "e")]),
      HandMade(8, "session.updated", "s", [("title", nasty), ("meta.a", json), ("x", nasty)]),
      HandMade(9, "my.type", "s", [("body", nasty)]),
      HandMade(10, "tool.finished", "s", [("call_id", "c"), ("status", "error"), ("error", nasty), ("result", json)]),
      HandMade(11, "message.appended", "s", [("role", "user"), ("content", "small again")]),
    ]
  }

  @Test func `large cells go beside their rows, and end where the others do`() async throws {
    try await withSink { sink in
      try await sink.connection.script(
        "alter table tide.context_history add constraint wanted check (key <> 'refused')", deadline: generous)
      let entries = Self.largeEntries()
      let outcome = try await sink.commit(entries, .exact)
      #expect(outcome.deadLetters.map(\.entry) == [3, 4, 6])
      #expect(outcome.counts.duplicates == 1)
      let exact = try await sink.everything()
      try await withSink { other in
        // The same, without those that the fast path would fail over.
        try await other.commit(entries.filter { ![4, 6, 7].contains($0.id.ms) })
        let fast = try await other.everything()
        for table in ["change_log", "messages", "context", "context_history", "sessions", "tool_calls"] {
          #expect(exact[table]?.count == fast[table]?.count, "\(table)")
          #expect(exact[table] == fast[table], "\(table)")
        }
      }
      let raw = try await sink.rows("select length(raw[8]), raw_complete::text from tide.dead_letters order by entry_ms")
      #expect(raw.map { $0[1] } == ["true", "true", "true"])
    }
  }

  @Test func `whichever way a batch goes, the tables are the same`() async throws {
    let entries = Self.entries(PostgresWriter.pipelineLimit.entries + 41)
    var outcomes: [[String: [[String?]]]] = []
    for way in 0..<4 {
      try await withSink { sink in
        switch way {
        case 0: try await sink.commit(entries)
        case 1:
          try await sink.commit(Array(entries[..<300]))
          try await sink.commit(Array(entries[300...]))
        case 2: try await sink.commit(entries, .exact)
        default: try await sink.commit(entries, .isolating)
        }
        outcomes.append(try await sink.everything())
      }
    }
    for other in outcomes.dropFirst() {
      for (table, rows) in outcomes[0] {
        #expect(other[table]?.count == rows.count, "\(table)")
        let difference = zip(rows, other[table] ?? []).first { $0 != $1 }
        #expect(difference == nil, "\(table)")
      }
    }
    #expect(outcomes[0]["messages"]?.isEmpty == false)
    #expect(outcomes[0]["dead_letters"]?.isEmpty == false)
  }

  @Test func `a commit moves the cursor and counts, and returns the record that the engine expects`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      let (one, two) = (try await sink.lane("one"), try await sink.lane("two"))
      let batch = sink.batch([(one, Self.entries(30)), (two, [HandMade(5, "messages.cleared")])])
      let outcome = try await sink.writer.commit(batch, .fast)
      for (record, settled) in zip([one, two], outcome.lanes) {
        #expect(try await sink.lane(record.name) == record.advanced(by: settled))
      }
      #expect(try await sink.lane().totals.discrepancy == 0)
      let anchor = try await sink.one("select encode(anchor, 'hex') from tide.lanes where lane = 'two'")
      let block = try #require(batch.blocks.last)
      #expect(anchor == AnchorDigest(of: block.entries[0], in: block).map { $0.bytes.map { String(format: "%02x", $0) }.joined() })
      #expect(
        try await sink.one(
          "select bool_and(n = no)::text from (select no, row_number() over (order by entry_ms) n from tide.changes where lane = 'one') t")
          == "true")
    }
  }

  @Test func `a batch of nothing but ephemeral entries and dead letters moves the cursor, too`() async throws {
    for mode in [CommitMode.fast, .exact] {
      try await withSink { sink in
        try await sink.commit([HandMade(1, "a", "s", [("ephemeral", "1")]), HandMade(2, "context.set")], mode)
        let lane = try await sink.lane()
        #expect(lane.cursor == LaneCursor(position: EntryID(ms: 2, no: 0), appliedNo: 0))
        #expect(lane.totals.read == 2)
        #expect(try await sink.one("select count(*) from tide.changes") == "0")
        #expect(try await sink.one("select count(*) from tide.sessions") == "0")
        #expect(try await sink.writer.rejected("one", after: .zero, through: lane.cursor.position).map(\.reason) == ["missing_field"])
      }
    }
  }

  @Test func `misrouted entries of one key in two lanes leave the later position's value`() async throws {
    for mode in [CommitMode.fast, .exact] {
      try await withSink(lanes: ["one", "two"]) { sink in
        let later = HandMade(10, "context.set", "s", [("key", "k"), ("value", "\"later\"")])
        let earlier = HandMade(5, "context.set", "s", [("key", "k"), ("value", "\"earlier\"")])
        let batch = sink.batch([(try await sink.lane("one"), [later]), (try await sink.lane("two"), [earlier])])
        #expect(try await sink.writer.commit(batch, mode).counts.applied == 2)
        #expect(try await sink.rows("select value::text from tide.context") == [["\"later\""]])
        #expect(try await sink.one("select count(*) from tide.context_history") == "2")
      }
    }
  }

  @Test func `a misrouted entry that is committed after a later one does not overwrite its value`() async throws {
    for mode in [CommitMode.fast, .exact] {
      try await withSink(lanes: ["one", "two"]) { sink in
        try await sink.commit([HandMade(10, "context.set", "s", [("key", "k"), ("value", "\"later\"")])], mode, lane: "one")
        try await sink.commit([HandMade(5, "context.set", "s", [("key", "k"), ("value", "\"earlier\"")])], mode, lane: "two")
        #expect(try await sink.rows("select value::text from tide.context") == [["\"later\""]])
      }
    }
  }

  @Test func `migrating twice changes nothing`() async throws {
    try await withSink { sink in
      try await sink.commit(Self.entries(20))
      let before = try await sink.everything()
      #expect(try await Migrator(connection: sink.connection, schema: "tide", logger: .init(label: "test")).migrate() == [])
      #expect(try await sink.everything() == before)
    }
  }
}
