import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkJSONTests {
  private static func isTaken(_ text: String) -> Bool {
    var text = text
    var room = NumberRoom(entryBytes: text.utf8.count)
    var escapes = UnstorableEscapes(areReplaced: false)
    return text.withUTF8 { JSONCheck.problem(in: $0, room: &room, escapes: &escapes) == nil }
  }

  /// Documents put together from pieces, most of them broken somewhere, and the numbers at the edges of numeric.
  private static func documents() -> [String] {
    let pieces = [
      "[", "]", "{", "}", ",", ":", "\"a\"", "\"\"", "1", "-0", "0.5", "1e5", "null", "true", " ", "\n", #""\u0041""#, #""\u0000""#,
      #""\uD83D\uDE00""#, #""\uD83D""#, #""\uDE00""#, "\"\\", "01", "1.", "-", "\"\t\"", "é", "\"é\"", "1E-7", "\u{B}", #""\/""#, "nul",
    ]
    var random = SeededGenerator(seed: 1)
    var documents = (0..<6_000).map { _ in (0..<1 + random.below(7)).map { _ in random.one(of: pieces) }.joined() }
    let zeros = { String(repeating: "0", count: $0) }
    documents += ["1e131071", "1e131072", "-9.9e131071", "10e131071", "0.1e131072", "1e-16383", "1e-16384", "1.5e-16382", "1.5e-16383"]
    documents += ["1" + zeros(131_071), "1" + zeros(131_072), "0." + zeros(16_382) + "1", "0." + zeros(16_383) + "1", "0e1000", "0e-20000"]
    documents += ["0e1073741822", "0e1073741823", "-0e2147483648", "[0e99999999999]", "0e-99999999999"]
    documents.append(String(repeating: "[", count: 1_000) + String(repeating: "]", count: 1_000))
    return documents
  }

  @Test func `numbers that would unfold beyond what Postgres can print are a dead letter, and the state can be read`() async throws {
    try await withSink { sink in
      let unfolding = "[" + Array(repeating: "1e131071", count: 20_000).joined(separator: ",") + "]"
      let largest = "[1e131071]"
      let outcome = try await sink.commit([
        HandMade(1, "context.set", "s", [("key", "a"), ("value", unfolding)]),
        HandMade(2, "context.set", "s", [("key", "b"), ("value", largest)]),
        HandMade(3, "session.started", "s", [("meta.m", unfolding)]),
        HandMade(4, "snapshot.requested", "s"),
      ])
      #expect(outcome.deadLetters.map(\.rejection.reason) == [.badJSON, .badJSON])
      #expect(try await sink.one("select length(tide.state('s') #>> '{context,b,value}')") == "131074")
      #expect(try await sink.one("select detail from tide.dead_letters where entry_ms = 1")?.contains("written out") == true)
    }
  }

  @Test func `what jsonb can't hold is stored as U+FFFD where that is asked for, on each path`() async throws {
    for mode in [CommitMode.fast, .exact] {
      try await withSink { sink in
        var sink = sink
        sink.limits.replacesNUL = true
        let unstorable = #"{"a\u0000": ["\ud83dx", "\\u0000", 1.50]}"#
        let outcome = try await sink.commit(
          [
            HandMade(1, "context.set", "s", [("key", "k"), ("value", unstorable)]),
            HandMade(2, "session.started", "s", [("meta.m", unstorable)]),
            HandMade(3, "tool.started", "s", [("call_id", "c"), ("tool", "t"), ("arguments", unstorable)]),
            HandMade(4, "message.appended", "s", [("parts", "[\(unstorable)]"), ("usage", unstorable)]),
          ], mode)
        #expect(outcome.counts.applied == 4)
        let stored = "{\"a\u{FFFD}\": [\"\u{FFFD}x\", \"\\\\u0000\", 1.50]}"
        #expect(try await sink.one("select value from tide.context") == stored)
        #expect(try await sink.one("select meta -> 'm' from tide.sessions") == stored)
        #expect(try await sink.one("select fields -> 'meta.m' from tide.changes where entry_ms = 2") == stored)
        #expect(try await sink.one("select arguments from tide.tool_calls") == stored)
        #expect(try await sink.rows("select parts -> 0, usage from tide.messages") == [[stored, stored]])
      }
    }
  }

  @Test func `the check takes what jsonb takes, and refuses what jsonb refuses`() async throws {
    try await withPostgres { server in
      let connection = try await connect(to: server)
      try await connection.script(
        """
        create function pg_temp.takes(value text) returns boolean language plpgsql as $$ begin
          perform value::jsonb; return true; exception when others then return false; end $$
        """, deadline: generous)
      let documents = Self.documents()
      let result = try await connection.query(
        "select pg_temp.takes(value) from unnest($1::text[]) with ordinality t (value, n) order by n",
        [.textArray(strings: documents)], deadline: generous)
      var taken = 0
      for (index, document) in documents.enumerated() {
        let isTaken = Self.isTaken(document)
        taken += isTaken ? 1 : 0
        if result.bool(index, 0) != isTaken { Issue.record("jsonb takes it: \(!isTaken): \(document.prefix(80))") }
      }
      #expect(taken > 300)
    }
  }
}
