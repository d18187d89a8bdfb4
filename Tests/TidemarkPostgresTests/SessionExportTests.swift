import Foundation
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What an export says of a session, and which sessions it says have changed.
@Suite struct SessionExportTests {
  private static func change(_ ms: UInt64, _ session: String) -> HandMade {
    HandMade(ms, "context.set", session, [("key", "k"), ("value", "\(ms)")])
  }

  private func places(_ sink: SinkFixture) async throws -> String {
    try #require(try await sink.one("select tide.export_places()::text"))
  }

  private func changed(_ sink: SinkFixture, _ earlier: String, _ later: String) async throws -> [String] {
    try await sink.rows("select s from tide.changed_between('\(earlier)', '\(later)') s order by s collate \"C\"").compactMap { $0[0] }
  }

  /// Those that the numbers of the audit trail say: they rise in the order of commits.
  private func numbered(_ sink: SinkFixture, _ earlier: String, _ later: String) async throws -> [String] {
    try await sink.rows(
      """
      select distinct c.session_id collate "C" from tide.change_log c
       where c.no > coalesce(('\(earlier)'::jsonb -> c.lane_id::text ->> 1)::bigint, 0)
         and c.no <= ('\(later)'::jsonb -> c.lane_id::text ->> 1)::bigint order by 1
      """
    ).compactMap { $0[0] }
  }

  @Test(arguments: 0..<4)
  func `what changed between two places is what was committed between them, late entries too`(seed: UInt64) async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      var random = SeededGenerator(seed: seed)
      var next: UInt64 = 10
      var used: [String: Set<UInt64>] = ["one": [], "two": []]
      var earlier = try await places(sink)
      for _ in 0..<25 {
        for _ in 0..<Int.random(in: 0...3, using: &random) {
          let lane = Bool.random(using: &random) ? "one" : "two"
          // Behind others of its lane, as a replay or a second reading is; the last one is ahead of them all.
          let late = (0..<Int.random(in: 0...2, using: &random)).map { _ in UInt64.random(in: 1..<next, using: &random) }
          next += UInt64.random(in: 1...5, using: &random)
          let positions = late.filter { !used[lane, default: []].contains($0) }.sorted() + [next]
          used[lane, default: []].formUnion(positions)
          let entries = positions.map { Self.change($0, "s\(UInt64.random(in: 0..<9, using: &random))") }
          try await sink.commit(entries, positions.count > 1 ? .exact : .fast, lane: lane)
        }
        let later = try await places(sink)
        let expected = try await numbered(sink, earlier, later)
        #expect(try await changed(sink, earlier, later) == expected)
        earlier = later
      }
      #expect(try await sink.one("select count(*) from tide.late_changes") != "0")
    }
  }

  @Test func `a lane whose incarnation is another one counts as a whole`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([Self.change(5, "a")])
      try await sink.commit([Self.change(5, "b")], lane: "two")
      let earlier = try await places(sink)
      // The ledger went back, and numbers and positions are used again.
      try await sink.connection.script(
        """
        update tide.lanes set incarnation = incarnation + 1 where lane = 'one';
        update tide.change_log set session_id = 'c' where session_id = 'a'
        """, deadline: generous)
      #expect(try await changed(sink, earlier, places(sink)) == ["c"])
    }
  }

  @Test func `a cursor that Postgres can't hold is behind all that can be applied`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(5, "a"), HandMade(1 << 63, "noise", "x")])
      #expect(try await sink.one("select tide.export_places() #>> '{1,2}'") == "9223372036854775807")
    }
  }

  @Test func `each call is in the transcript once and is answered once`() async throws {
    try await withSink { sink in
      var ms: UInt64 = 0
      func next(_ type: String, _ fields: [(String, String)]) -> HandMade {
        ms += 1
        return HandMade(ms, type, "s", fields)
      }
      try await sink.commit([
        next("message.appended", [("role", "user"), ("content", "a \"quoted\"\nquestion")]),
        next("message.appended", [("role", "assistant"), ("content", "I look")]),
        next("tool.started", [("call_id", "c1"), ("tool", "search"), ("arguments", #"{"q": 12345678901234567}"#)]),
        next("tool.started", [("call_id", "c2"), ("tool", "fetch")]),
        next("tool.finished", [("call_id", "c1"), ("status", "error"), ("error", "once more")]),
        next("tool.started", [("call_id", "c1"), ("tool", "search")]),
        next("tool.finished", [("call_id", "c1"), ("status", "ok"), ("result", #""found""#)]),
        next("message.appended", [("role", "tool"), ("call_id", "c2"), ("content", "written by the agent")]),
        next("message.appended", [("role", "tool"), ("call_id", "nobody's"), ("content", "lost")]),
        next("message.appended", [("role", "user"), ("content", "and?")]),
        next("tool.started", [("call_id", "c3"), ("tool", "wait")]),
        next("message.appended", [("parts", #"[{"type": "text"}]"#), ("role", "assistant")]),
        next("message.appended", [("role", "assistant"), ("content", "hidden"), ("message_id", "m")]),
        next("message.removed", [("message_id", "m")]),
      ])
      #expect(
        try await sink.one("select messages::jsonb from tide.chat_messages('s')")
          == #"[{"role": "user", "content": "a \"quoted\"\nquestion"}, "#
          + #"{"role": "assistant", "content": "I look", "tool_calls": ["#
          + #"{"id": "c1", "type": "function", "function": {"name": "search", "arguments": "{\"q\": 12345678901234567}"}}, "#
          + #"{"id": "c2", "type": "function", "function": {"name": "fetch", "arguments": "{}"}}]}, "#
          + #"{"role": "tool", "content": "found", "tool_call_id": "c1"}, "#
          + #"{"role": "tool", "content": "written by the agent", "tool_call_id": "c2"}, "#
          + #"{"role": "user", "content": "and?"}, "#
          + #"{"role": "assistant", "content": null, "tool_calls": ["#
          + #"{"id": "c3", "type": "function", "function": {"name": "wait", "arguments": "{}"}}]}, "#
          + #"{"role": "tool", "content": "the call never finished", "tool_call_id": "c3"}, "#
          + #"{"role": "assistant", "content": [{"type": "text"}]}]"#)
      #expect(try await sink.one("select omitted from tide.chat_messages('s')") == "1")
      let line = try #require(try await sink.one("select tide.export_raw('{nobody,s}')"))
      let raw = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect((raw["messages"] as? [Any])?.count == 7 && (raw["tool_calls"] as? [Any])?.count == 4 && !line.contains("\n"))
    }
  }
}
