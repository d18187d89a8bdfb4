import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Snapshots continue from one another, within a transaction and across, and are the same as if each had read all.
@Suite struct SnapshotTests {
  private static func message(_ ms: UInt64) -> HandMade {
    HandMade(ms, "message.appended", "s", [("role", "user"), ("content", "x")])
  }
  private static func snapshot(_ ms: UInt64) -> HandMade { HandMade(ms, "snapshot.requested", "s") }
  private static let counts = "select entry_ms, state #>> '{messages,count}', state #>> '{messages,last}' from tide.snapshots order by 1"

  @Test(arguments: [CommitMode.fast, .exact]) func `what comes between two snapshots is in the second only`(mode: CommitMode) async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.message(2), Self.message(3)])
      let last = [("last", "1")]
      try await sink.commit(
        [
          Self.snapshot(10), Self.message(11), Self.snapshot(12), HandMade(13, "message.removed", "s", last),
          HandMade(14, "message.removed", "s", last), Self.snapshot(15), HandMade(16, "messages.cleared", "s"), Self.message(17),
          Self.snapshot(18), Self.snapshot(19), HandMade(20, "messages.cleared", "s"), Self.snapshot(21),
        ], mode)
      #expect(
        try await sink.rows(Self.counts) == [
          ["10", "3", "3-0"], ["12", "4", "11-0"], ["15", "2", "2-0"], ["18", "1", "17-0"], ["19", "1", "17-0"], ["21", "0", nil],
        ])
    }
  }

  @Test func `replays in one transaction come in any order, and no snapshot lacks what was there when it was taken`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.message(100)])
      let entries = [Self.snapshot(20), Self.message(10), Self.snapshot(30)]
      var letters: [Int64] = []
      for entry in entries { letters.append(try #require(try await sink.addLetter(entry, lane: "one"))) }
      let replayer = try sink.sink.makeReplayer()
      let replays = try await replayer.replay(lane: "one", letters) { record, _ in sink.batch([(record, entries)]) }
      await replayer.close()
      #expect(replays?.values.allSatisfy { $0 == .applied } == true)
      #expect(try await sink.rows(Self.counts) == [["20", "1", "1-0"], ["30", "2", "10-0"]])
    }
  }

  /// What the latest snapshot says, and what the whole state says at its entry.
  private static func latest(_ sink: SinkFixture) async throws -> (taken: String?, read: String?) {
    let row = try await sink.rows(
      """
      select s.state::text, tide.state_at_position(s.session_id, s.entry_ms, s.entry_no, s.lane_id)::text from tide.snapshots s
       where session_id = 's' order by s.entry_ms desc, s.lane_id desc limit 1
      """)
    return (row.first?[0], row.first?[1])
  }

  @Test(arguments: [CommitMode.fast, .exact]) func `a snapshot continues from that of an earlier transaction`(mode: CommitMode) async throws
  {
    try await withSink { sink in
      let last = [("last", "1")]
      try await sink.commit([Self.message(1), Self.message(2), Self.message(3), Self.snapshot(10)], mode)
      for step in [
        [Self.message(11), Self.snapshot(12)],
        [HandMade(13, "message.removed", "s", last), HandMade(14, "message.removed", "s", last), Self.snapshot(15)],
        [HandMade(16, "messages.cleared", "s"), Self.message(17), Self.snapshot(18)],
        [
          HandMade(19, "context.set", "s", [("key", "k"), ("value", "1")]), HandMade(20, "session.updated", "s", [("title", "t")]),
          Self.snapshot(21),
        ],
      ] {
        try await sink.commit(step, mode)
        let (taken, read) = try await Self.latest(sink)
        #expect(taken == read)
      }
      // Whoever tampers with a snapshot sees it again in the next one.
      try await sink.connection.script(
        "update tide.snapshots set state = jsonb_set(state, '{messages,count}', '100') where entry_ms = 21", deadline: generous)
      try await sink.commit([Self.message(22), Self.snapshot(23)], mode)
      #expect(try await sink.one("select state #>> '{messages,count}' from tide.snapshots where entry_ms = 23") == "101")
    }
  }

  @Test func `what is replayed behind a snapshot is in the next one`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.message(5), Self.snapshot(10)])
      for late in [Self.message(3), HandMade(6, "message.removed", "s", [("last", "1")])] {
        let letter = try #require(try await sink.addLetter(late, lane: "one"))
        let replayer = try sink.sink.makeReplayer()
        _ = try await replayer.replay(lane: "one", [letter]) { record, _ in sink.batch([(record, [late])]) }
        await replayer.close()
        try await sink.commit([Self.snapshot(20 + late.id.ms)])
        let (taken, read) = try await Self.latest(sink)
        #expect(taken == read)
      }
      #expect(try await sink.rows(Self.counts) == [["10", "2", "5-0"], ["23", "3", "5-0"], ["26", "2", "3-0"]])
    }
  }

  @Test func `what an earlier incarnation of a lane had passed is late, too`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.snapshot(10)])
      try await sink.sink.begin(
        NewIncarnation(ended: try await sink.lane(), cause: .rewound, atLeast: 0, start: .zero, startOrdinal: 0))
      try await sink.commit([Self.message(5)], .exact)
      try await sink.commit([Self.snapshot(20)], .exact)
      #expect(try await sink.rows(Self.counts) == [["10", "1", "1-0"], ["20", "2", "5-0"]])
    }
  }

  @Test func `a snapshot of a session of two lanes lacks nothing of the other one`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([Self.message(1), Self.snapshot(10)])
      try await sink.commit([Self.message(5)], lane: "two")
      try await sink.commit([Self.snapshot(20)])
      #expect(try await sink.rows(Self.counts) == [["10", "1", "1-0"], ["20", "2", "5-0"]])
    }
  }

  @Test func `a session whose row was made again is read anew`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.message(1), Self.snapshot(10)])
      try await sink.connection.script("delete from tide.sessions; delete from tide.messages", deadline: generous)
      try await sink.commit([Self.message(11), Self.snapshot(20)])
      #expect(try await sink.rows(Self.counts) == [["10", "1", "1-0"], ["20", "1", "11-0"]])
    }
  }

  @Test func `a lane's changes are counted by session, those after a snapshot of their own apart`() async throws {
    try await withSink { sink in
      try await sink.commit([
        Self.message(1), HandMade(2, "message.appended", "b", [("role", "user"), ("content", "x")]), Self.message(3), Self.snapshot(4),
        Self.message(5), HandMade(6, "outcome.recorded", "b", [("label", "l")]),
      ])
      let lane = try await sink.lane().laneID
      func counted(_ after: UInt64, _ rows: Int) async throws -> [ChangedSession] {
        try await sink.sink.changedSessions(
          of: lane, after: EntryID(ms: after, no: 0), types: ["outcome.recorded", "snapshot.requested"], rows: rows
        ).sorted { ($0.session ?? "") < ($1.session ?? "") }
      }
      func entry(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }
      // The outcome has no snapshot: it was not of these types when it was committed.
      #expect(
        try await counted(0, 100) == [
          ChangedSession(session: "b", total: 2, changes: 2, first: entry(2), last: entry(6)),
          ChangedSession(session: "s", total: 4, changes: 1, isTaken: true, first: entry(5), last: entry(5)),
        ])
      #expect(try await counted(1, 2).map(\.total) == [1, 1])
      #expect(
        try await counted(3, 1) == [ChangedSession(session: "s", total: 1, changes: 0, isTaken: true, first: nil, last: entry(4))])
      #expect(try await counted(6, 100).isEmpty)
    }
  }

  @Test func `snapshots are taken at committed entries, once, and not of what is gone`() async throws {
    try await withSink { sink in
      try await sink.commit([
        Self.message(1), HandMade(2, 0, [("type", "messages.cleared"), ("session", "s"), ("seq", "7"), ("epoch", "1")]), Self.message(3),
      ])
      let lane = try await sink.lane().laneID
      func order(_ session: String, _ ms: UInt64) -> SnapshotOrder {
        SnapshotOrder(lane: lane, session: session, entry: EntryID(ms: ms, no: 0), reason: .changes)
      }
      #expect(try await sink.sink.takeSnapshots([order("s", 2), order("gone", 3)]) == 1)
      #expect(try await sink.rows("select entry_ms, seq, reason from tide.snapshots") == [["2", "7", "every_changes"]])
      #expect(try await sink.rows(Self.counts) == [["2", "0", nil]])
      #expect(try await sink.sink.takeSnapshots([order("s", 2), order("s", 1)]) == 0)
      #expect(try await sink.sink.takeSnapshots([order("s", 3)]) == 1)
      #expect(try await sink.sink.takeSnapshots([]) == 0)
    }
  }

  @Test func `the progress of lanes is kept`() async throws {
    try await withSink { sink in
      #expect(try await sink.sink.snapshotProgress(of: [1, 2]) == [:])
      try await sink.sink.recordSnapshotProgress([1: EntryID(ms: 5, no: 1), 2: .zero])
      try await sink.sink.recordSnapshotProgress([1: EntryID(ms: 4, no: 9)])
      #expect(try await sink.sink.snapshotProgress(of: [1, 3]) == [1: EntryID(ms: 4, no: 9)])
    }
  }
}
