import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkReconciliationTests {
  private static func set(_ ms: UInt64, _ value: String, event: String? = nil, seq: Int64? = nil) -> HandMade {
    HandMade(
      ms, "context.set", "s",
      [("key", "k"), ("value", value)] + (event.map { [("event_id", $0)] } ?? [])
        + (seq.map { [("seq", "\($0)"), ("epoch", "1")] } ?? []))
  }

  /// The time on the server's clock, in Unix milliseconds.
  private static func now(_ sink: SinkFixture) async throws -> UInt64 {
    let text = try await sink.one("select (extract(epoch from now()) * 1000)::bigint")
    return try #require(text.flatMap { UInt64($0) })
  }

  private static func id(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }

  private static func entries(_ handMade: [HandMade], _ sink: SinkFixture) async throws -> [ExpectedEntry] {
    ExpectedEntry.all(of: sink.batch([(try await sink.lane(), handMade)]))
  }

  private static func range(_ after: UInt64, _ through: UInt64) -> EntryRange { EntryRange(after: id(after), through: id(through)) }

  /// What was compared of a lane, and found.
  private static func reconciled(
    _ lane: LaneRecord, _ range: EntryRange, _ found: [Divergence] = [], numbers: NumberedChanges = NumberedChanges(),
    isOwner: Bool = true, isDry: Bool = false
  ) -> ReconciledRange {
    ReconciledRange(
      lane: lane.laneID, incarnation: lane.incarnation, fence: isOwner ? lane.fence : nil, range: range, divergences: found,
      numbers: numbers, isDry: isDry)
  }

  @Test func `the digest of a range is that of the entries that were applied there`() async throws {
    try await withSink { sink in
      let all = [Self.set(1, "1"), Self.set(2, "2"), Self.set(3, "3"), Self.set(4, "4")]
      try await sink.commit(all)
      let (lane, expected) = (try await sink.lane(), try await Self.entries(all, sink))
      let whole = try #require(try await sink.sink.contents(of: lane.laneID, in: Self.range(1, 3), session: nil, limit: 10))
      #expect(whole.digest == RangeDigest(of: expected[1...2]))
      #expect((whole.changes, whole.last) == (2, Self.id(3)))
      #expect((whole.fence, whole.incarnation) == (lane.fence, lane.incarnation))
      let cut = try #require(try await sink.sink.contents(of: lane.laneID, in: Self.range(0, 9), session: nil, limit: 2))
      #expect((cut.changes, cut.last) == (2, Self.id(2)))
      #expect(cut.digest == RangeDigest(of: expected[0...1]))
      let other = try #require(try await sink.sink.contents(of: lane.laneID, in: Self.range(0, 9), session: "t", limit: 10))
      #expect(other.digest == RangeDigest(of: [ExpectedEntry]()))
      let changes = try await sink.sink.changes(of: lane.laneID, in: Self.range(1, 3), session: nil, limit: 10)
      #expect(changes.map(\.digest) == expected[1...2].map(\.digest))
      #expect(try await sink.sink.contents(of: 99, in: Self.range(0, 9), session: nil, limit: 10) == nil)
    }
  }

  @Test func `the traces of an entry tell dead letters, duplicates, and its own claim apart`() async throws {
    try await withSink { sink in
      // By the clock, as claims are forgotten by it.
      let now = try await Self.now(sink)
      let all = [
        Self.set(now, "1", event: "e"), Self.set(now + 1, "1", event: "e"), Self.set(now + 2, "2", event: "e"), Self.set(now + 3, "{"),
        Self.set(now + 4, "4"),
      ]
      try await sink.commit(all, .exact)
      let (lane, expected) = (try await sink.lane(), try await Self.entries(all, sink))
      var traces = try await sink.sink.traces(of: expected, in: lane.laneID)
      #expect(traces.map(\.isLetter) == [false, false, true, true, false])
      #expect(traces.map(\.isOwnID) == [true, false, false, false, false])
      #expect(traces.map(\.isSameID) == [false, true, false, false, false])
      #expect(traces.map(\.isOtherID) == [false, false, true, false, false])
      #expect(traces.map(\.isCertain) == [true, true, true, true, true])
      // A letter of another content at the position is none of this entry; one that was replayed has become a change.
      _ = try await sink.one("update tide.dead_letters set digest = '\\x00' where reason = 'id_reused' returning 1")
      _ = try await sink.one(
        "update tide.dead_letters set resolved_at = now(), resolution = 'replayed' where reason = 'bad_json' returning 1")
      traces = try await sink.sink.traces(of: expected, in: lane.laneID)
      #expect(traces.map(\.isLetter) == [false, false, false, false, false])
      // Of two of one millisecond the claim may be the other's.
      let twin = HandMade(
        now, 1,
        Self.set(now, "1", event: "e").fields.map { (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)) })
      let trace = try #require(try await sink.sink.traces(of: try await Self.entries([twin], sink), in: lane.laneID).first)
      #expect((trace.isOwnID, trace.isSameID) == (false, true))
    }
  }

  @Test func `an event id that may be forgotten is looked for in the audit trail, as far back as that tells`() async throws {
    try await withSink(dedupeWindow: .seconds(3_600)) { sink in
      let now = try await Self.now(sink)
      let hour: UInt64 = 3_600_000
      let all = [Self.set(now - hour - 60_000, "1", event: "e"), Self.set(now - 120_000, "1", event: "e"), Self.set(now, "2", event: "f")]
      try await sink.commit(all, .exact)
      let (lane, expected) = (try await sink.lane(), try await Self.entries(all, sink))
      _ = try await sink.one("delete from tide.event_ids returning 1")
      let traces = try await sink.sink.traces(of: expected, in: lane.laneID)
      #expect(traces.map(\.isCertain) == [false, true, true])
      #expect(traces.map(\.isForgottenID) == [false, true, false])
    }
  }

  @Test func `what is found is recorded once while it is not repaired, and again afterwards`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.set(1, "1"), Self.set(9, "9")])
      let lane = try await sink.lane()
      let found = LogComparison.Finding.missing(Self.id(1), session: "s", isLetter: false).divergence(in: "one")
      func record() async throws -> [Divergence] {
        try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), [found], isOwner: false))
      }
      #expect(try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), [found], isOwner: false, isDry: true)) == [found])
      #expect(try await sink.one("select count(*) from tide.divergences") == "0")
      #expect(try await record() == [found])
      #expect(try await record() == [])
      #expect(try await sink.sink.openDivergences(of: "one", session: nil).map(\.divergence) == [found])
      #expect(try await sink.sink.openDivergences(of: "one", session: "t").isEmpty)
      #expect(try await sink.sink.missingEntries(of: "one", session: nil, after: 0, limit: 9).map(\.entry) == [Self.id(1)])
      _ = try await sink.one("update tide.divergences set repaired_at = now() returning 1")
      #expect(try await record() == [found])
      // Deleted entries are found in other stretches by another comparison.
      func deleted(_ first: UInt64, _ last: UInt64) -> Divergence {
        LogComparison.Finding.deleted(first: Self.id(first), last: Self.id(last), count: 2).divergence(in: "one")
      }
      let stretches = [deleted(2, 4), deleted(6, 7)]
      #expect(try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), stretches, isOwner: false)).count == 2)
      #expect(
        try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), [deleted(3, 3), deleted(5, 5)], isOwner: false)) == [
          deleted(5, 5)
        ])
    }
  }

  @Test func `a lane is verified by its owner only, in its incarnation, and range after range`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.set(1, "1"), Self.set(9, "9")])
      let lane = try await sink.lane()
      func isFenced(_ lane: LaneRecord, _ range: EntryRange) async throws -> Bool {
        let error = try await sinkFailure { try await sink.sink.record(Self.reconciled(lane, range)) }
        return error.kind == .fenced([lane.laneID])
      }
      func verified() async throws -> EntryID? { try await sink.sink.verifiedLanes([lane.laneID]).first?.through }
      #expect(try await verified() == .zero)
      _ = try await sink.sink.record(Self.reconciled(lane, Self.range(0, 5)))
      #expect(try await verified() == Self.id(5))
      #expect(try await isFenced(lane, Self.range(0, 9)))
      #expect(try await isFenced(lane, Self.range(6, 9)))
      // More than is committed.
      #expect(try await isFenced(lane, Self.range(5, 10)))
      var other = lane
      other.fence += 1
      #expect(try await isFenced(other, Self.range(5, 9)))
      other = lane
      other.incarnation += 1
      #expect(try await isFenced(other, Self.range(5, 9)))
      // The command moves nothing.
      _ = try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), isOwner: false))
      #expect(try await verified() == Self.id(5))
      _ = try await sink.sink.record(Self.reconciled(lane, Self.range(5, 9)))
      #expect(try await verified() == Self.id(9))
      // Another stream begins, and nothing of it is verified.
      try await sink.sink.begin(
        NewIncarnation(ended: lane, cause: .recreated, atLeast: 0, start: Self.id(2), startOrdinal: 1))
      let begun = try #require(try await sink.sink.verifiedLanes([lane.laneID]).first)
      #expect((begun.began, begun.through, begun.incarnation) == (Self.id(2), Self.id(2), 2))
      #expect(try await sink.one("select verified_at is null from tide.lanes") == "t")
    }
  }

  @Test func `a hole in the numbers of a session is found across ranges, once, and not where dead letters explain it`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.set(9, "9")])
      let lane = try await sink.lane()
      func follow(_ changes: [(seq: Int64, ms: UInt64)], epoch: Int64 = 1, session: String = "s") async throws -> [String] {
        let numbers = changes.reduce(into: NumberedChanges()) {
          $0.append(NumberedChanges.Change(session: session, epoch: epoch, seq: $1.seq, entry: Self.id($1.ms)))
        }
        return try await sink.sink.record(Self.reconciled(lane, Self.range(0, 9), numbers: numbers, isOwner: false)).map(\.subject)
      }
      #expect(try await follow([(1, 1), (2, 2)]) == [])
      #expect(try await follow([(3, 3), (6, 6)]) == ["1:4-5"])
      #expect(try await follow([(3, 3), (6, 6)]) == [])
      #expect(try await follow([(9, 9)]) == ["1:7-8"])
      #expect(try await follow([(12, 12)], epoch: 3) == ["3:1-11"])
      // A session that was never followed begins at one; not one whose numbering began before the lane was read.
      #expect(try await follow([(3, 20)], session: "t") == ["1:1-2"])
      _ = try await sink.one("update tide.lanes set began_ms = 100 returning 1")
      #expect(try await follow([(3, 120)], session: "u") == [])
      #expect(try await follow([(3, 120)], epoch: 110, session: "v") == ["110:1-2"])
      // Two dead letters between two changes are their numbers.
      _ = try await sink.one("update tide.lanes set began_ms = 0 returning 1")
      #expect(try await follow([(1, 30)], session: "w") == [])
      for ms in [UInt64(31), 32] { _ = try await sink.addLetter(Self.set(ms, "{"), lane: "one") }
      _ = try await sink.one("update tide.dead_letters set session_id = 'w' returning 1")
      #expect(try await follow([(4, 34)], session: "w") == [])
      #expect(try await follow([(7, 37)], session: "w") == ["1:5-6"])
      #expect(
        try await sink.one("select detail from tide.divergences where session_id = 't'")
          == "numbers 1 to 2 of epoch 1 are missing before entry 20-0")
    }
  }

  @Test func `a missing change is applied again at its position, with what its row still has`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      let all = [
        Self.set(1, "1", event: "e"), Self.set(2, "2"),
        HandMade(3, "message.appended", "s", [("role", "user"), ("content", "hi"), ("event_id", "m")]),
        HandMade(4, "tool.started", "s", [("call_id", "c"), ("tool", "t")]), HandMade(5, "session.updated", "s", [("title", "five")]),
        HandMade(6, "session.updated", "s", [("title", "six")]), Self.set(7, "7"),
      ]
      try await sink.commit(all, .exact)
      let before = try await sink.everything()
      let trail = "select entry_ms, session_id, event_id, type, digest from tide.change_log order by entry_ms"
      let changes = try await sink.rows(trail)
      // Of some only the audit row is gone, of others all that is theirs.
      _ = try await sink.one("delete from tide.change_log where entry_ms in (1, 2, 3, 4, 5) returning 1")
      _ = try await sink.one("delete from tide.context_history where entry_ms = 2 returning 1")
      let lane = try await sink.lane()
      let found = (1...5).map { LogComparison.Finding.missing(Self.id($0), session: "s", isLetter: false).divergence(in: "one") }
      _ = try await sink.sink.record(Self.reconciled(lane, Self.range(0, 7), found, isOwner: false))
      let missing = try await sink.sink.missingEntries(of: "one", session: nil, after: 0, limit: 99)
      let byNumber = Dictionary(uniqueKeysWithValues: zip(missing.map(\.number), all))
      func repair(over replayer: PostgresReplayer) async throws -> [LateEntryOutcome?] {
        let outcomes = try await replayer.repair(lane: "one", missing.map(\.number)) { record, open in
          sink.batch([(record, open.compactMap { byNumber[$0] })])
        }
        return missing.map { outcomes?[$0.number] }
      }
      // Two at once: one repairs, the other finds it repaired.
      let other = try sink.sink.makeReplayer()
      async let first = PostgresReplayer.patiently { try await repair(over: replayer) }
      async let second = PostgresReplayer.patiently { try await repair(over: other) }
      let outcomes = try await [first, second]
      #expect(outcomes.filter { $0 == Array(repeating: .applied, count: 5) }.count == 1, "\(outcomes)")
      #expect(outcomes.filter { $0 == Array(repeating: .resolvedBefore("applied again from Redis"), count: 5) }.count == 1)
      #expect(try await sink.rows(trail) == changes)
      let after = try await sink.everything()
      for table in [
        "sessions", "messages", "message_hides", "context", "context_history", "tool_calls", "outcomes", "event_ids", "dead_letters",
      ] {
        #expect(after[table] == before[table], "\(table)")
      }
      #expect(
        try await sink.one("select count(*) from tide.divergences where repaired_at is not null and repair = 'applied again from Redis'")
          == "5")
      #expect(try await sink.one("select max(no) from tide.change_log") == "12")
      #expect(try await sink.lane().cursor.appliedNo == 12)
      await replayer.close()
      await other.close()
    }
  }

  @Test func `a missing dead letter is made again`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      let entry = Self.set(1, "{")
      try await sink.commit([entry], .exact)
      _ = try await sink.one("delete from tide.dead_letters returning 1")
      let found = LogComparison.Finding.missing(Self.id(1), session: "s", isLetter: true).divergence(in: "one")
      _ = try await sink.sink.record(Self.reconciled(try await sink.lane(), Self.range(0, 1), [found], isOwner: false))
      let missing = try await sink.sink.missingEntries(of: "one", session: nil, after: 0, limit: 99)
      _ = try await replayer.repair(lane: "one", missing.map(\.number)) { record, open in sink.batch([(record, open.map { _ in entry })]) }
      #expect(try await sink.rows("select reason, entry_ms from tide.dead_letters") == [["bad_json", "1"]])
      #expect(try await sink.one("select repair from tide.divergences") == "made a dead letter")
      await replayer.close()
    }
  }
}
