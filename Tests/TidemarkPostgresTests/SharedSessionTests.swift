import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// A session that is written to two lanes, whose entries have the same ids: ids are unique in their stream only.
@Suite struct SharedSessionTests {
  private static func message(_ ms: UInt64, _ content: String, _ more: [(String, String)] = []) -> HandMade {
    HandMade(ms, "message.appended", "s", [("role", "user"), ("content", content)] + more)
  }

  /// One entry of every type, with ids 1, 2, 3 ...; `name` tells one lane's from another's.
  private static func entries(_ name: String) -> [HandMade] {
    let changes: [(String, [(String, String)])] = [
      ("session.started", [("agent", name), ("meta.\(name)", "1")]), ("message.appended", [("role", "user"), ("content", name)]),
      ("message.appended", [("role", "user"), ("content", "\(name) again"), ("message_id", name)]),
      ("context.set", [("key", "k"), ("value", "\"\(name)\"")]), ("context.set", [("key", name), ("value", "1")]),
      ("context.removed", [("key", name)]), ("tool.started", [("call_id", "c"), ("tool", name)]),
      ("tool.finished", [("call_id", "c"), ("status", "ok"), ("error", name)]),
      ("tool.started", [("call_id", name), ("tool", name)]), ("outcome.recorded", [("label", name)]),
      ("message.removed", [("message_id", name)]), ("session.updated", [("title", name)]), ("snapshot.requested", [("reason", name)]),
      ("billing.charged", [("amount", name)]), ("message.appended", [("role", "user"), ("content", "last of \(name)")]),
      ("session.ended", [("status", "failed")]),
    ]
    return changes.enumerated().map { HandMade(UInt64($0 + 1), $1.0, "s", $1.1) }
  }

  /// Entries without effect that make a batch too large for a pipeline.
  private static let padding = (0...PostgresWriter.pipelineLimit.entries).map {
    HandMade(100 + UInt64($0), 0, [("type", "noise"), ("session", "n"), ("ephemeral", "1")])
  }

  @Test(arguments: ["one after the other", "in one pipeline", "in one COPY", "exactly"])
  func `both lanes' entries of every type are there, and ties are decided by the lane`(way: String) async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      let (one, two) = (try await sink.lane("one"), try await sink.lane("two"))
      #expect(one.laneID < two.laneID)
      var outcomes: [BatchOutcome] = []
      switch way {
      case "one after the other":
        // The later lane first: what decides is the position.
        outcomes.append(try await sink.commit(Self.entries("b"), lane: "two"))
        outcomes.append(try await sink.commit(Self.entries("a"), lane: "one"))
      case "in one pipeline":
        outcomes.append(try await sink.writer.commit(sink.batch([(two, Self.entries("b")), (one, Self.entries("a"))]), .fast))
      case "in one COPY":
        let batch = sink.batch([(two, Self.entries("b") + Self.padding), (one, Self.entries("a"))])
        outcomes.append(try await sink.writer.commit(batch, .fast))
      default:
        outcomes.append(try await sink.writer.commit(sink.batch([(two, Self.entries("b")), (one, Self.entries("a"))]), .exact))
      }
      #expect(outcomes.allSatisfy { outcome in outcome.deadLetters.isEmpty })
      #expect(outcomes.reduce(0) { $0 + $1.counts.applied } == 2 * Self.entries("a").count)
      let lanes = "select count(*), count(distinct lane_id) from tide."
      let counts = ["messages": "6", "context_history": "6", "tool_calls": "4", "outcomes": "2", "snapshots": "2", "message_hides": "2"]
      for (table, count) in counts { #expect(try await sink.rows(lanes + table) == [[count, "2"]], "\(table)") }
      #expect(
        try await sink.rows("select content from tide.transcript('s') where kind = 'message'")
          == ["a", "b", "last of a", "last of b"].map { [$0] })
      #expect(try await sink.rows("select value, lane_id from tide.context") == [["\"b\"", "\(two.laneID)"]])
      #expect(
        try await sink.rows("select call_id, attempt, tool, error, lane_id, finished_lane from tide.tool_calls order by 1, 2") == [
          ["a", "1", "a", nil, "\(one.laneID)", nil], ["b", "1", "b", nil, "\(two.laneID)", nil],
          // Begun by the one and by the other, then ended by the one and by the other: the last open one first.
          ["c", "1", "a", "b", "\(one.laneID)", "\(two.laneID)"], ["c", "2", "b", "a", "\(two.laneID)", "\(one.laneID)"],
        ])
      #expect(
        try await sink.rows("select agent_id, title, status, meta, lane_id, is_shared from tide.sessions") == [
          ["b", "b", "failed", #"{"a": 1, "b": 1}"#, "\(two.laneID)", "t"]
        ])
    }
  }

  @Test func `the state at an id is that of all lanes, or of the lanes up to one`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([Self.message(1, "a"), Self.message(5, "b")], lane: "one")
      try await sink.commit([Self.message(5, "c")], lane: "two")
      func count(_ arguments: String) async throws -> String? {
        try await sink.one("select tide.state_at_entry('s', \(arguments)) #>> '{messages,count}'")
      }
      #expect(try await count("'5-0'") == "3")
      #expect(try await count("'5-0', 'one'") == "2")
      #expect(try await count("'5-0', lane => 'two'") == "3")
      #expect(try await count("'4-0', 'two'") == "1")
      let error = try await failure { try await sink.one("select tide.state_at_entry('s', '5-0', E'n\\no')") }
      #expect(error.sqlstate == "22023")
      #expect(error.debugDescription.contains("state_at_entry: there is no lane \"n o\"; the table lanes has their names"))
    }
  }

  @Test func `an entry whose id another lane has, too, is replayed like any other`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit(Self.entries("a"), lane: "one")
      let replayer = try sink.sink.makeReplayer()
      for entry in Self.entries("b") {
        let letter = try #require(try await sink.addLetter(entry, lane: "two"))
        let replays = try await replayer.replay(lane: "two", [letter]) { record, _ in sink.batch([(record, [entry])]) }
        #expect(replays == [letter: .applied])
      }
      await replayer.close()
      #expect(try await sink.one("select count(*) from tide.messages") == "6")
      #expect(try await sink.one("select value from tide.context") == "\"b\"")
    }
  }

  @Test func `a message that arrives behind another lane's clearing is hidden by the next one`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      func clear(_ ms: UInt64) -> HandMade { HandMade(ms, "messages.cleared", "s") }
      try await sink.commit([Self.message(1, "a"), clear(10), clear(20)])
      #expect(try await sink.one("select is_shared::text from tide.sessions") == "false")
      try await sink.commit([Self.message(5, "behind"), Self.message(15, "behind"), Self.message(25, "after")], lane: "two")
      #expect(try await sink.one("select is_shared::text from tide.sessions") == "true")
      #expect(try await sink.one("select count(*) from tide.transcript('s')") == "3")
      try await sink.commit([clear(22)])
      #expect(try await sink.rows("select content from tide.transcript('s')") == [["after"]])
      // And by a `last`, once nothing else is visible.
      try await sink.commit([Self.message(21, "behind")], lane: "one")
      try await sink.commit([HandMade(30, "message.removed", "s", [("last", "1")])], lane: "two")
      try await sink.commit([HandMade(31, "message.removed", "s", [("last", "1")])], lane: "two")
      #expect(try await sink.one("select count(*) from tide.transcript('s')") == "0")
    }
  }
}
