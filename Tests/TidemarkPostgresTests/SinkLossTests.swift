import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What was lost, in the ledger.
@Suite struct SinkLossTests {
  private static func gap(_ missing: Int, after: UInt64 = 0, before: UInt64? = nil, _ cause: LaneGap.Cause = .trimmed) -> LaneGap {
    LaneGap(
      after: EntryID(ms: after, no: 0), before: before.map { EntryID(ms: $0, no: 0) }, missing: missing, cause: cause,
      place: EntryID(ms: after, no: 0))
  }

  private func batch(_ lanes: [(LaneRecord, [HandMade], [LaneGap])], _ sink: SinkFixture) -> ChangeBatch {
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: sink.limits)
    for (record, entries, gaps) in lanes {
      let block = EntryBlock(entries)
      builder.append(
        lane: record, partition: nil, entries.isEmpty ? [] : [LaneChunk(block: block, blockID: 0, entries: 0..<entries.count)], gaps: gaps)
    }
    return builder.finish()
  }

  @Test(arguments: [CommitMode.fast, .exact], [1, 500])
  func `a gap is in the same transaction as the cursor that passes it`(mode: CommitMode, entries: Int) async throws {
    try await withSink { sink in
      let record = try await sink.lane()
      let changes = (0..<entries).map { HandMade(UInt64(10 + $0), "messages.cleared") }
      _ = try await sink.writer.commit(batch([(record, changes, [Self.gap(7, before: 10), Self.gap(2, after: 12, .deleted)])], sink), mode)
      #expect(
        try await sink.rows("select lane, incarnation, after_ms, before_ms, missing, at_least, cause from tide.gaps order by id") == [
          ["one", "1", "0", "10", "7", nil, "trimmed"], ["one", "1", "12", nil, "2", nil, "deleted"],
        ])
      let after = try await sink.lane()
      #expect(after.totals.missing == 9)
      #expect(after.ordinal == UInt64(entries + 9))
      #expect(after.totals.read == entries)
      // What the writer believes the lane to be is what it is.
      let settled = BatchOutcome(batch([(record, changes, [Self.gap(9)])], sink))
      #expect(record.advanced(by: settled.lanes[0]) == after)
    }
  }

  @Test func `a gap alone moves no cursor, and is told from not being there by what Redis added`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([HandMade(5, "messages.cleared")])
      let records = [try await sink.lane(), try await sink.lane("two")]
      let batch = batch([(records[0], [], [Self.gap(3, after: 5)]), (records[1], [HandMade(1, "messages.cleared")], [])], sink)
      #expect(CommitResolution(batch, records) == .notCommitted)
      _ = try await sink.writer.commit(batch, .fast)
      let after = [try await sink.lane(), try await sink.lane("two")]
      #expect(CommitResolution(batch, after) == .committed(after))
      #expect(after[0].cursor == records[0].cursor)
      #expect(after[0].anchor == records[0].anchor)
      #expect(after[0].anchor != nil)
      #expect(after[0].ordinal == records[0].ordinal + 3)
    }
  }

  @Test func `a new incarnation begins its accounting anew and keeps what came of the old one`() async throws {
    try await withSink { sink in
      try await sink.commit([HandMade(5, "messages.cleared"), HandMade(6, "no.such", "s")])
      let ended = try await sink.lane()
      try await sink.sink.mirrored([ended])
      #expect(try await sink.lane().isMirrored)
      try await sink.sink.begin(
        NewIncarnation(
          ended: ended, cause: .recreated, atLeast: 4, lostAfter: EntryID(ms: 5, no: 1), start: .zero, startOrdinal: 2))
      let begun = try await sink.lane()
      #expect(begun.incarnation == 2)
      #expect(begun.cursor.position == .zero)
      #expect(begun.cursor.appliedNo == 2)
      #expect(begun.furthest == ended.cursor.position)
      #expect(begun.ordinal == 2)
      #expect(begun.baseline == 2)
      #expect(begun.totals == LaneCounts())
      #expect(begun.anchor == nil)
      #expect(!begun.isMirrored)
      #expect(
        try await sink.rows("select incarnation, after_ms, after_no, missing, at_least, cause from tide.gaps")
          == [["1", "5", "1", nil, "4", "recreated"]])
      #expect(
        try await sink.rows("select lane, incarnation, cause, entry_ms, read_total, applied_total from tide.lane_incarnations")
          == [["one", "1", "recreated", "6", "2", "2"]])
      // It is fenced as a commit is: the same again finds the lane moved.
      let error = try await sinkFailure {
        try await sink.sink.begin(NewIncarnation(ended: ended, cause: .recreated, atLeast: 0, start: .zero, startOrdinal: 0))
      }
      #expect(error.kind == .fenced([ended.laneID]))
      // What was already there is read again without effect, and belongs to the baseline; what is new is applied.
      let again = [HandMade(5, "messages.cleared"), HandMade(7, "messages.cleared")]
      #expect(sink.batch([(begun, again)]).mayRepeat)
      try await sink.commit(again, .exact)
      let after = try await sink.lane()
      #expect([after.totals.read, after.totals.applied, after.totals.reread] == [1, 1, 1])
      #expect(after.ordinal == 4)
      #expect(after.baseline == 3)
      #expect(try await sink.rows("select no, entry_ms from tide.changes order by no") == [["1", "5"], ["2", "6"], ["3", "7"]])
      #expect(!sink.batch([(after, [HandMade(8, "messages.cleared")])]).mayRepeat)
    }
  }

  @Test func `what is in Postgres stays what it is there when it is read again under rules that would refuse it`() async throws {
    try await withSink { fixture in
      var sink = fixture
      sink.limits.replacesNUL = true
      let entries = (5...8).map { HandMade(UInt64($0), "note", "s", [("text", "a\0b \($0)")]) }
      try await sink.commit(Array(entries[..<3]))
      let ended = try await sink.lane()
      try await sink.sink.begin(NewIncarnation(ended: ended, cause: .rewound, atLeast: 0, start: .zero, startOrdinal: 0))
      sink.limits.replacesNUL = false
      // The second was written anew with other content; the third comes cut, as one above today's limit; the last was never there.
      var again = entries
      again[1] = HandMade(6, "note", "s", [("text", "other\0")])
      var block = EntryBlock(again)
      block.truncations = [.init(field: 8, length: 9_000, digest: [])]
      var builder = BatchBuilder(routes: RouteTable.builtIn, limits: sink.limits)
      builder.append(lane: try await sink.lane(), partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<block.entries.count)])
      _ = try await sink.writer.commit(builder.finish(), .exact)
      let totals = try await sink.lane().totals
      #expect([totals.reread, totals.divergent, totals.deadLetters, totals.applied, totals.read] == [2, 1, 1, 0, 2])
      let letters = try await sink.rows("select entry_ms, reason from tide.dead_letters order by 1")
      #expect(letters == [["6", "id_reused"], ["8", "unstorable_text"]])
      #expect(try await sink.rows("select count(*) from tide.changes") == [["3"]])
    }
  }

  @Test func `a dead letter that is read again is no second one, unless it is another`() async throws {
    try await withSink { sink in
      try await sink.server.psql(
        """
        create function tide.refuse() returns trigger language plpgsql as $$ begin raise 'no' using errcode = '22000'; end $$;
        create trigger refuse before insert on tide.messages for each row execute function tide.refuse()
        """)
      let refused = HandMade(7, "message.appended", "s", [("role", "user"), ("content", "x")])
      let entries = [HandMade(5, "message.appended", "s", [("content", "no role")]), HandMade(6, "messages.cleared"), refused]
      try await sink.commit(entries, .exact)
      for round in 1...2 {
        let ended = try await sink.lane()
        try await sink.sink.begin(NewIncarnation(ended: ended, cause: .recreated, atLeast: 0, start: .zero, startOrdinal: 0))
        var again = entries
        if round == 2 { again[0] = HandMade(5, "message.appended", "s", [("content", "another without")]) }
        try await sink.commit(again, .exact)
        let totals = try await sink.lane().totals
        #expect([totals.reread, totals.deadLetters, totals.applied, totals.read] == (round == 1 ? [3, 0, 0, 0] : [2, 1, 0, 1]))
      }
      #expect(try await sink.rows("select entry_ms from tide.dead_letters order by id") == [["5"], ["7"], ["5"]])
    }
  }

  @Test(arguments: [CommitMode.fast, .exact])
  func `a position that bigint can't hold is kept exactly, and the next stream may begin below it`(mode: CommitMode) async throws {
    try await withSink { sink in
      let large = EntryID(ms: 1 << 63, no: .max)
      var odd = HandMade(7, "messages.cleared")
      odd.id = large
      try await sink.commit([HandMade(5, "messages.cleared"), HandMade(6, "no.such", "s"), odd], mode)
      let lane = try await sink.lane()
      #expect(lane.cursor.position == large)
      #expect(lane.totals.deadLetters == 1)
      #expect(try await sink.writer.rejected("one", after: EntryID(ms: 6, no: 0), through: large).map(\.id) == [large])
      #expect(try await sink.writer.rejected("one", after: large, through: EntryID(ms: .max, no: .max)) == [])
      #expect(try await sink.one("select tide.entry_id(entry_ms, entry_no) from tide.dead_letters") == large.description)
      // It is compared as any other.
      odd.id = EntryID(ms: .max, no: 0)
      try await sink.commit([odd], mode)
      let end = try await sink.lane()
      #expect(end.cursor.position == odd.id)
      try await sink.sink.begin(NewIncarnation(ended: end, cause: .flushed, atLeast: 0, start: .zero, startOrdinal: 0))
      #expect(try await sink.lane().furthest == EntryID(ms: 6, no: 0))
    }
  }

  @Test func `an incarnation is raised for its owner alone, and nothing else of the lane changes`() async throws {
    try await withSink { sink in
      try await sink.commit([HandMade(5, "messages.cleared")])
      let lane = try await sink.lane()
      var another = lane
      another.fence -= 1
      #expect(try await !sink.sink.raiseIncarnation(of: another, to: 7))
      #expect(try await sink.sink.raiseIncarnation(of: lane, to: 7))
      #expect(try await !sink.sink.raiseIncarnation(of: lane, to: 8))
      var expected = lane
      expected.incarnation = 7
      #expect(try await sink.lane() == expected)
      try await sink.commit([HandMade(6, "messages.cleared")])
    }
  }

  @Test func `the lanes of a shard of which something is known are told`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([HandMade(5, "messages.cleared")])
      let shard = try await sink.lane().shard
      #expect(try await sink.sink.begunLanes(of: Array(0..<64)) == ["one"])
      #expect(try await sink.sink.begunLanes(of: [shard == 0 ? 1 : 0]) == [])
      try await sink.sink.begin(NewIncarnation(ended: sink.lane(), cause: .flushed, atLeast: 0, start: .zero, startOrdinal: 0))
      #expect(try await sink.sink.begunLanes(of: Array(0..<64)) == [])
    }
  }

  @Test func `a break that is noticed again is one row`() async throws {
    try await withSink { sink in
      let lane = try await sink.lane()
      for _ in 0..<2 { try await sink.sink.recordBreak(lane, StreamReplacement(.rewound, atLeast: 2, after: EntryID(ms: 3, no: 4))) }
      try await sink.sink.begin(NewIncarnation(ended: lane, cause: .rewound, atLeast: 0, start: .zero, startOrdinal: 0))
      #expect(
        try await sink.rows("select incarnation, after_ms, after_no, at_least, cause from tide.gaps") == [["1", "3", "4", "2", "rewound"]])
    }
  }

  @Test func `a break is not recorded of a lane that has another owner or incarnation by now`() async throws {
    try await withSink { sink in
      let lane = try await sink.lane()
      let replacement = StreamReplacement(.rewound, atLeast: 2, after: EntryID(ms: 3, no: 4))
      for (fence, incarnation) in [(-1, 0), (1, 0), (0, 1)] as [(Int64, Int64)] {
        var other = lane
        other.fence += fence
        other.incarnation += incarnation
        let error = await #expect(throws: SinkError.self) { try await sink.sink.recordBreak(other, replacement) }
        #expect(error?.kind == .fenced([lane.laneID]))
      }
      #expect(try await sink.rows("select * from tide.gaps") == [])
      try await sink.sink.recordBreak(lane, replacement)
      #expect(try await sink.rows("select incarnation from tide.gaps") == [["1"]])
    }
  }
}
