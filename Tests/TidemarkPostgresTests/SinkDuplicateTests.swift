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
      let outcome = try await sink.commit(
        [
          Self.set(2, "1", event: "e"), Self.set(3, "2", event: "e"), Self.set(4, "3", event: "e", session: "other"),
          Self.set(5, "4", event: "f"), Self.set(6, "4", event: "f"),
        ], .exact)
      let reused = Rejection(.idReused, "the event_id was used before, for another content")
      #expect(outcome.deadLetters.map(\.entry) == [1])
      #expect(outcome.deadLetters.map(\.rejection) == [reused])
      #expect(outcome.numbers.map(\.entry) == [2, 3])
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

  @Test func `a repeat with a new time or trace is a duplicate, on each path`() async throws {
    try await withSink { sink in
      func set(_ ms: UInt64, _ value: String, _ more: [(String, String)]) -> HandMade {
        HandMade(ms, "context.set", "s", [("key", "k"), ("value", value), ("event_id", "e")] + more)
      }
      try await sink.commit([set(1, "1", [("ts", "1700000000001")])])
      let outcome = try await sink.commit(
        [
          set(2, "1", [("ts", "1700000000002")]), set(3, "1", [("trace", "t")]), set(4, "1", []),
          set(5, "2", [("ts", "1700000000001")]), set(6, "1", [("actor", "a")]),
        ], .exact)
      #expect(outcome.counts.duplicates == 3)
      #expect(outcome.deadLetters.map(\.entry) == [3, 4])
      #expect(outcome.deadLetters.map(\.rejection.reason) == [.idReused, .idReused])
    }
  }

  @Test func `an entry id that comes again with another time, trace or producer's id is a divergence`() async throws {
    let first = HandMade(1, "context.set", "s", [("key", "k"), ("value", "1"), ("event_id", "e"), ("ts", "1700000000001")])
    for (name, value) in [("event_id", "f"), ("ts", "1700000000002"), ("trace", "t")] {
      try await withSink { sink in
        try await sink.commit([first])
        var again = first
        again.fields.removeAll { $0.name == Array(name.utf8) }
        again.fields.append((Array(name.utf8), Array(value.utf8)))
        // The lane is behind: what comes is read again.
        try await sink.connection.script("update tide.lanes set entry_ms = 0, applied_no = 0, furthest_ms = 1", deadline: generous)
        #expect(try await sink.commit([again], .exact).counts.divergent == 1, "\(name)")
      }
    }
  }

  @Test func `the window counts by positions, and in both directions`() async throws {
    try await withSink(lanes: ["one", "two"], dedupeWindow: .seconds(1)) { sink in
      try await sink.commit([Self.set(11_000, "1", event: "e")])
      #expect(try await sink.commit([Self.set(11_999, "1", event: "e")], .exact).counts.duplicates == 1)
      #expect(try await sink.commit([Self.set(12_000, "2", event: "e")], .exact).counts.applied == 1)
      #expect(try await sink.commit([Self.set(12_999, "2", event: "e")], .exact).counts.duplicates == 1)
      // A lane that is far behind: what it brings is held against all that came before and after it.
      let late = [
        Self.set(10_000, "1", event: "e"), Self.set(10_001, "1", event: "e"), Self.set(10_999, "3", event: "e"),
        Self.set(11_500, "2", event: "e"),
      ]
      let outcome = try await sink.commit(late, .exact, lane: "two")
      #expect(outcome.numbers.map(\.entry) == [0])
      #expect(outcome.counts.duplicates == 2)
      #expect(outcome.deadLetters.map(\.entry) == [2])
      #expect(try await sink.rows("select entry_ms from tide.event_ids") == [["12000"]])
      #expect(try await sink.rows("select entry_ms from tide.earlier_event_ids order by 1") == [["10000"], ["11000"]])
    }
  }

  @Test func `two lanes that bring one id at the same time apply it once`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      let other = try sink.sink.makeWriter()
      for event in 1...40 as ClosedRange<UInt64> {
        // Both at once, over two connections, by the path that looks before it writes.
        let one = try await sink.batch([(sink.lane("one"), [Self.set(event, "1", event: "e\(event)")])])
        let two = try await sink.batch([(sink.lane("two"), [Self.set(event, "1", event: "e\(event)")])])
        async let first = sink.writer.commit(one, .exact)
        async let second = other.commit(two, .exact)
        let counts = try await [first.counts, second.counts]
        #expect(counts.map(\.applied).sorted() == [0, 1])
        #expect(counts.map(\.duplicates).sorted() == [0, 1])
      }
      await other.close()
      #expect(try await sink.one("select count(*) from tide.change_log") == "40")
    }
  }

  private static func forget(_ ranges: [Range<Int64>], _ sink: SinkFixture) async throws {
    _ = try await sink.sweep(.eventIDs(ranges))
  }

  @Test func `forgetting takes the positions that it is told, and of an id the latest last`() async throws {
    try await withSink(dedupeWindow: .seconds(1)) { sink in
      for ms in [1_000, 5_000, 9_000] as [UInt64] { try await sink.commit([Self.set(ms, "\(ms)", event: "e")], .exact) }
      try await sink.commit([Self.set(9_001, "1", event: "f")])
      let all = "select entry_ms from tide.event_ids union all select entry_ms from tide.earlier_event_ids order by 1"
      try await Self.forget([], sink)
      #expect(try await sink.rows(all) == [["1000"], ["5000"], ["9000"], ["9001"]])
      // The latest is old, too, but one before it is still wanted: it must stay to be noticed.
      try await Self.forget([0..<1_001, 8_000..<9_002], sink)
      #expect(try await sink.rows(all) == [["5000"], ["9000"]])
      #expect(try await sinkFailure { try await sink.commit([Self.set(9_002, "5000", event: "e")]) }.kind == .fault(.record))
      try await Self.forget([0..<9_000], sink)
      #expect(try await sink.rows(all) == [["9000"]])
      try await Self.forget([0..<9_001], sink)
      #expect(try await sink.rows(all) == [])
      try await sink.commit([Self.set(9_002, "3", event: "e")])
    }
  }

  @Test func `forgetting goes over the whole table in pieces and waits for nobody`() async throws {
    try await withSink { sink in
      _ = try await sink.one(
        """
        insert into tide.event_ids
        select 'e' || n, repeat('s', 200), n, decode(repeat('00', 32), 'hex') from generate_series(1, 40000) n
        """)
      let holder = try await connect(to: sink.server)
      try await holder.script("begin", deadline: generous)
      _ = try await holder.one("select entry_ms from tide.event_ids where event_id = 'e20000' for update")
      let pieces = try await sink.sweep(.eventIDs([0..<39_001]), rows: 5_000)
      #expect(pieces.count > 5)
      #expect(pieces.reduce(0) { $0 + $1.removed } == 38_999)
      #expect(try await sink.one("select count(*) from tide.event_ids") == "1001")
      await holder.rollback()
      try await Self.forget([0..<39_001], sink)
      #expect(try await sink.one("select count(*) from tide.event_ids") == "1000")
      await holder.close()
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
      let outcome = try await sink.commit([Self.set(1, "9"), Self.set(2, "2"), Self.set(3, "3")], .exact)
      #expect(outcome.divergent == [0])
      #expect(outcome.counts.reread == 1)
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
