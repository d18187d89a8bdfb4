import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Seals over random changes of all types, some of them applied late, and what changes afterwards.
@Suite struct SealTests {
  /// A lane with about 300 changes, among them replays, that is sealed in pieces while it grows.
  private static func fill(_ sink: SinkFixture, seed: UInt64) async throws {
    var generator = ChangeGenerator(seed: seed, sessions: ["s1", "s2", "s3"])
    let replayer = try sink.sink.makeReplayer()
    var waiting: [HandMade] = []
    var set: [HandMade] = []
    for index in 0..<300 {
      let id = EntryID(ms: 1_000 + UInt64(index), no: 0)
      var fields = generator.change(id)
      if let event = fields["event_id"] { fields["event_id"] = "\(event)-\(index)" }
      let entry = HandMade(id.ms, 0, fields.sorted { $0.key < $1.key })
      // Some become dead letters, and are replayed later.
      if generator.random.chance(10) { set.append(entry) } else { waiting.append(entry) }
      guard waiting.count == 20 else { continue }
      try await sink.commit(waiting, generator.random.chance(30) ? .exact : .fast)
      waiting = []
      if let late = set.popLast() {
        let letter = try #require(try await sink.addLetter(late, lane: "one"))
        _ = try await replayer.replay(lane: "one", [letter]) { record, _ in sink.batch([(record, [late])]) }
      }
      if generator.random.chance(50) { _ = try await seal(sink, most: 1 + generator.random.below(40)) }
    }
    try await sink.commit(waiting)
    await replayer.close()
  }

  private static func seal(_ sink: SinkFixture, most: Int = 1_000) async throws -> SealedLane {
    try #require(try await sink.sink.sealLanes([try await sink.lane().laneID], most: most).first)
  }

  /// Compares everything; nil where nothing differs.
  private static func difference(_ store: AuditStore) async throws -> AuditDifference? {
    for lane in try await store.lanes() {
      var number: Int64 = 0
      while true {
        let piece = try await store.check(lane, after: number, most: 50)
        if let difference = piece.difference { return difference }
        if piece.isComplete { break }
        number = piece.throughNo
      }
    }
    return nil
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `what is stored is what was sealed, whatever came late and however it was cut`(seed: UInt64) async throws {
    try await withSink { sink in
      try await Self.fill(sink, seed: seed)
      let store = try AuditStore(sink: sink.sink, schema: SinkFixture.schema)
      #expect(try await Self.difference(store) == nil)
      var sealed = try await Self.seal(sink, most: 7)
      while !sealed.isComplete { sealed = try await Self.seal(sink, most: 7) }
      #expect(sealed.throughNo == (try await sink.lane().cursor.appliedNo))
      #expect(sealed.missing == 0 && sealed.committedAt != nil)
      #expect(try await sink.one("select count(*) > 0 from tide.late_changes") == "t")
      #expect(try await Self.difference(store) == nil)
      // Nothing is sealed twice, and the head is in the chain.
      #expect(try await Self.seal(sink) == sealed)
      let head = try #require(sealed.head(of: "one"))
      let other = SealHead(lane: "one", throughNo: head.throughNo, link: [UInt8](repeating: 1, count: 32))
      #expect(try await sink.sink.contains([head, other]) == [true, false])
      #expect(try await store.changedObjects() == [])
      // Every digest is there.
      #expect(
        try await sink.one("select bool_and(octet_length(digests) = 16 * (through_no - from_no + 1)) from tide.seals") == "t")
    }
  }

  /// What somebody with all rights may do to the ledger, and how the audit names it.
  private static let manipulations: [(name: String, sql: String, kind: AuditDifference.Kind)] = [
    ("a message is changed", "update tide.messages set content = 'other' where content is not null", .changed),
    ("a message is removed", "delete from tide.messages where entry_ms = (select min(entry_ms) from tide.messages)", .changed),
    ("a value of the context's history is changed", "update tide.context_history set value = '7' where not removed", .changed),
    ("a removal is removed", "delete from tide.message_hides", .changed),
    ("a call's arguments are changed", "update tide.tool_calls set arguments = '[9]' where started_at is not null", .changed),
    ("a call's result is changed", "update tide.tool_calls set result = '[9]' where finished_ms is not null", .changed),
    ("an outcome is changed", "update tide.outcomes set score = coalesce(score, 0) + 1", .changed),
    ("a session's field is changed", "update tide.change_log set fields = '{\"title\": \"x\"}' where type like 'session.%'", .changed),
    ("an actor is changed", "update tide.change_log set actor = 'me' where no = 40", .changed),
    ("a change is dated otherwise", "update tide.change_log set committed_at = committed_at + interval '1 s' where no = 41", .changed),
    ("a change is moved to another session", "update tide.change_log set session_id = 's9' where no = 42", .changed),
    (
      "two changes swap their sessions",
      "update tide.change_log set session_id = case no when 10 then 's2' else 's1' end where no in (10, 11)", .changed
    ),
    ("two changes swap their numbers", "update tide.change_log set no = 61 - no where no in (30, 31)", .changed),
    ("a change is renumbered", "update tide.change_log set no = 100000 where no = 50", .missing),
    ("a change is removed", "delete from tide.change_log where no = 60", .missing),
    ("the last change is removed", "delete from tide.change_log where no = (select max(no) from tide.change_log)", .missing),
    (
      "a change is moved to another position", "update tide.change_log set entry_no = 77 where no = 70", .changed
    ),
    (
      "a change is added with a number of another",
      """
      insert into tide.change_log (lane_id, no, entry_ms, entry_no, type, occurred_at, digest)
      select lane_id, no, entry_ms, 99, type, occurred_at, digest from tide.change_log where no = 80
      """, .added
    ),
    (
      "a change is added before all others, as if it had come late",
      """
      insert into tide.change_log (lane_id, no, entry_ms, entry_no, type, occurred_at, digest)
      select lane_id, no, 5, 5, type, occurred_at, digest from tide.change_log where no = 80;
      insert into tide.late_changes select lane_id, no, 5, 5 from tide.change_log where entry_ms = 5
      """, .added
    ),
    (
      "a change is added at the end",
      """
      insert into tide.change_log (lane_id, no, entry_ms, entry_no, type, occurred_at, digest)
      select lane_id, no + 1, entry_ms + 1, 0, type, occurred_at, digest from tide.change_log order by no desc limit 1
      """, .added
    ),
    ("a digest of a seal is changed", "update tide.seals set digests = set_byte(digests, 3, 0) where from_no > 20", .seal),
    (
      "a seal is removed", "delete from tide.seals where from_no = (select from_no from tide.seals order by from_no offset 2 limit 1)",
      .seal
    ),
    ("a seal's link is changed", "update tide.seals set link = set_byte(link, 0, get_byte(link, 0) # 1) where from_no = 1", .seal),
    ("the numbers of a seal are changed", "update tide.seals set through_no = through_no - 1 where from_no > 100", .seal),
  ]

  @Test func `whatever is changed afterwards is found and named`() async throws {
    try await withSink { sink in
      try await Self.fill(sink, seed: 5)
      while try await !Self.seal(sink, most: 40).isComplete {}
      let store = try AuditStore(sink: sink.sink, schema: SinkFixture.schema)
      for (name, sql, kind) in Self.manipulations {
        try await Self.keep(sink)
        try await sink.connection.script(sql, deadline: generous)
        let difference = try await Self.difference(store)
        #expect(difference?.kind == kind, "\(name): \(String(describing: difference))")
        try await Self.giveBack(sink)
      }
      #expect(try await Self.difference(store) == nil)
    }
  }

  @Test func `a chain that was cut off or computed anew is found by a head that is kept elsewhere`() async throws {
    try await withSink { sink in
      try await Self.fill(sink, seed: 6)
      while try await !Self.seal(sink, most: 40).isComplete {}
      let store = try AuditStore(sink: sink.sink, schema: SinkFixture.schema)
      let head = try #require(try await store.lanes().first?.head)
      #expect(try await store.contains([head]) == [true])
      // Everything after the change 100 is gone, as if it had never been.
      try await Self.keep(sink)
      let last = try await sink.one("select through_no from tide.seals where through_no < 120 order by through_no desc limit 1") ?? ""
      try await sink.connection.script(
        """
        delete from tide.change_log where no > \(last); delete from tide.seals where from_no > \(last);
        delete from tide.late_changes where no > \(last); update tide.lanes set applied_no = \(last)
        """, deadline: generous)
      #expect(try await Self.difference(store) == nil)
      #expect(try await store.contains([head]) == [false])
      try await Self.giveBack(sink)
      try await sink.connection.script("update tide.lanes set applied_no = \(head.throughNo)", deadline: generous)
      #expect(try await store.contains([head]) == [true])
      // A changed message, and all seals computed anew.
      try await sink.connection.script("update tide.messages set content = 'other'; delete from tide.seals", deadline: generous)
      while try await !Self.seal(sink, most: 40).isComplete {}
      #expect(try await Self.difference(store) == nil)
      #expect(try await store.contains([head]) == [false])
    }
  }

  @Test func `an audit that was changed itself is noticed`() async throws {
    try await withSink { sink in
      let store = try AuditStore(sink: sink.sink, schema: SinkFixture.schema)
      try await sink.connection.script(
        """
        create or replace function tide.check_seals(of_lane integer, after_number bigint, most bigint)
        returns table (through_no bigint, link bytea, is_complete boolean, kind text, no bigint, entry_ms bigint, entry_no bigint, session_id text)
        language sql stable as $$ select 0::bigint, null::bytea, true, null::text, null::bigint, null::bigint, null::bigint, null::text $$;
        alter table tide.outcomes rename to hidden; create view tide.outcomes as select * from tide.hidden
        """, deadline: generous)
      #expect(try await store.changedObjects() == ["the function check_seals", "the table outcomes"])
    }
  }

  @Test func `changes that are gone before they are sealed are counted, unless they were erased`() async throws {
    try await withSink { sink in
      try await sink.commit((1...5).map { HandMade(UInt64($0), "messages.cleared") })
      try await sink.connection.script(
        "insert into tide.erased_changes select lane_id, no, 1 from tide.change_log where no = 2; delete from tide.change_log where no in (2, 4)",
        deadline: generous)
      #expect(try await Self.seal(sink).missing == 1)
      let store = try AuditStore(sink: sink.sink, schema: SinkFixture.schema)
      let difference = try await Self.difference(store)
      #expect(difference?.kind == .missing && difference?.no == 4)
    }
  }

  private static let tables = [
    "change_log", "messages", "message_hides", "context_history", "tool_calls", "outcomes", "seals", "late_changes",
  ]

  private static func keep(_ sink: SinkFixture) async throws {
    try await sink.connection.script("create schema if not exists kept", deadline: generous)
    for table in tables {
      try await sink.connection.script(
        "drop table if exists kept.\(table); create table kept.\(table) as select * from tide.\(table)", deadline: generous)
    }
  }

  private static func giveBack(_ sink: SinkFixture) async throws {
    for table in tables {
      try await sink.connection.script(
        "delete from tide.\(table); insert into tide.\(table) select * from kept.\(table)", deadline: generous)
    }
  }
}
