import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkDuplicateTests {
  private static func set(_ ms: UInt64, _ value: String, event: String? = nil, session: String = "s") -> HandMade {
    HandMade(ms, "context.set", session, [("key", "k"), ("value", value)] + (event.map { [("event_id", $0)] } ?? []))
  }

  @Test func `a producer's id that is known fails the fast path as a record's fault`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.set(1, "1", event: "e")])
      let before = try await sink.everything()
      let error = try await sinkFailure { try await sink.commit([Self.set(2, "1", event: "e")]) }
      #expect(error.kind == .fault(.record))
      #expect(try await sink.everything() == before)
    }
  }

  @Test func `the same content under a known id is a duplicate without effect, another content is a dead letter and a divergence`()
    async throws
  {
    try await withSink { sink in
      try await sink.commit([Self.set(1, "1", event: "e")])
      let settlement = try await sink.commit(
        [
          Self.set(2, "1", event: "e"), Self.set(3, "2", event: "e"), Self.set(4, "3", event: "e", session: "other"),
          Self.set(5, "4", event: "f"), Self.set(6, "4", event: "f"),
        ], .exact)
      let reused = Rejection(.idReused, "the event_id was used before, for another content")
      #expect(settlement.deadLetters.map(\.entry) == [1])
      #expect(settlement.deadLetters.map(\.rejection) == [reused])
      #expect(settlement.numbers.map(\.entry) == [2, 3])
      let totals = try await sink.lane().totals
      #expect(totals.read == 6)
      #expect(totals.applied == 3)
      #expect(totals.duplicates == 2)
      #expect(totals.deadLetters == 1)
      #expect(totals.discrepancy == 0)
      #expect(try await sink.rows("select entry_ms, no from tide.changes order by no") == [["1", "1"], ["4", "2"], ["5", "3"]])
      #expect(try await sink.rows("select entry_ms, reason, session_id from tide.dead_letters") == [["3", "id_reused", "s"]])
      #expect(try await sink.rows("select kind, session_id, lane from tide.divergences") == [["id_reused", "s", "one"]])
      #expect(try await sink.one("select value from tide.context where session_id = 's'") == "4")
    }
  }

  @Test func `an id is forgotten with its window, and by pruning`() async throws {
    try await withSink(dedupeWindow: .seconds(1)) { sink in
      try await sink.commit([Self.set(1_000, "1", event: "e")])
      #expect(try await sink.commit([Self.set(1_999, "1", event: "e")], .exact).counts.duplicates == 1)
      #expect(try await sink.commit([Self.set(2_000, "2", event: "e")], .exact).counts.applied == 1)
      #expect(try await sink.commit([Self.set(2_001, "2", event: "e")], .exact).counts.duplicates == 1)
      try await sink.sink.pruneEventIDs(olderThan: 2_000)
      #expect(try await sink.one("select count(*) from tide.event_ids") == "1")
      try await sink.sink.pruneEventIDs(olderThan: 2_001)
      #expect(try await sink.one("select count(*) from tide.event_ids") == "0")
      try await sink.commit([Self.set(2_002, "3", event: "e")])
    }
  }

  @Test func `what is read again at its own position is counted as such, and nothing is there twice`() async throws {
    try await withSink { sink in
      let entries = [Self.set(1, "1", event: "e"), Self.set(2, "2"), HandMade(3, "message.appended", "s", [("parts", "[]")])]
      try await sink.commit(entries)
      let tables = try await sink.everything().filter { $0.key != "lanes" }
      // Somebody set the lane back.
      _ = try await sink.one("update tide.lanes set entry_ms = 0")
      #expect(try await sinkFailure { try await sink.commit(entries) }.kind == .fault(.record))
      #expect(try await sink.commit(entries, .exact).counts.reread == 3)
      #expect(try await sink.everything().filter { $0.key != "lanes" } == tables)
      let lane = try await sink.lane()
      #expect(lane.totals.read == 3)
      #expect(lane.totals.reread == 3)
      #expect(lane.totals.applied == 3)
      // Redis added them a second time, before anything else that is new.
      #expect(lane.ordinal == 6)
      #expect(lane.baseline == 3)
      #expect(lane.cursor.appliedNo == 3)
    }
  }

  @Test func `another content at a known position is a divergence, and the first one stays`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.set(1, "1"), Self.set(2, "2")])
      _ = try await sink.one("update tide.lanes set entry_ms = 0")
      let settlement = try await sink.commit([Self.set(1, "9"), Self.set(2, "2"), Self.set(3, "3")], .exact)
      #expect(settlement.divergent == [0])
      #expect(settlement.counts.reread == 1)
      #expect(try await sink.rows("select kind, session_id from tide.divergences") == [["content", "s"]])
      // What it said is not lost.
      #expect(
        try await sink.rows("select entry_ms, reason, convert_from(raw[8], 'UTF8') from tide.dead_letters") == [["1", "id_reused", "9"]])
      #expect(try await sink.rows("select value::text from tide.context_history order by entry_ms") == [["1"], ["2"], ["3"]])
      #expect(try await sink.lane().totals.divergent == 1)
      #expect(try await sink.lane().totals.discrepancy == 0)
    }
  }
}
