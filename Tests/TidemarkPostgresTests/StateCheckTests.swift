import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// The tables against the audit trail: what changes made is never a difference, and what somebody else made is one.
@Suite struct StateCheckTests {
  /// Changes of some sessions, committed at random by one lane or two.
  private struct Story {
    let sink: SinkFixture
    let seed: UInt64
    let sessions: [String]
    let lanes: [String]
    var random: SeededGenerator

    init(_ sink: SinkFixture, seed: UInt64, isShared: Bool) {
      self.sink = sink
      self.seed = seed
      sessions = (0..<3).map { "check\(seed)-s\($0)" }
      lanes = isShared ? ["x\(seed)", "y\(seed)"] : ["x\(seed)"]
      random = SeededGenerator(seed: seed)
    }

    /// Commits changes of each lane in its order, with the lanes at different speeds, and some entries late as replays.
    mutating func commit(_ count: Int) async throws {
      for lane in lanes { try await sink.sink.register([NewLane(name: lane, shard: 1, position: .zero, baseline: 0)]) }
      var generator = ChangeGenerator(seed: seed, sessions: sessions)
      var waiting: [String: [HandMade]] = [:]
      var late: [(lane: String, entry: HandMade)] = []
      for number in 0..<count {
        let lane = random.one(of: lanes)
        var fields = generator.change(EntryID(ms: 1_700_000_000_000 + UInt64(number / lanes.count), no: 0))
        if let event = fields["event_id"] { fields["event_id"] = "\(event)-\(lane)-\(number)" }
        let entry = HandMade(1_700_000_000_000 + UInt64(number), 0, fields.sorted { $0.key < $1.key })
        if number > 3, random.chance(4) { late.append((lane, entry)) } else { waiting[lane, default: []].append(entry) }
      }
      while !waiting.isEmpty {
        var parts: [(LaneRecord, [HandMade])] = []
        for lane in lanes {
          guard let queue = waiting[lane], random.chance(70) else { continue }
          let entries = Array(queue.prefix(1 + random.below(random.one(of: [2, 20, 80]))))
          waiting[lane] = queue.count == entries.count ? nil : Array(queue.dropFirst(entries.count))
          parts.append((try await sink.lane(lane), entries))
        }
        guard !parts.isEmpty else { continue }
        let outcome = try await sink.writer.commit(sink.batch(parts), random.chance(30) ? .exact : .fast)
        #expect(outcome.deadLetters.isEmpty)
      }
      let sink = sink
      let replayer = try sink.sink.makeReplayer()
      for (lane, entry) in late.shuffled(using: &random) {
        let letter = try #require(try await sink.addLetter(entry, lane: lane))
        let replays = try await replayer.replay(lane: lane, [letter]) { record, _ in sink.batch([(record, [entry])]) }
        #expect(replays == [letter: .applied])
      }
      await replayer.close()
    }
  }

  @Test(arguments: [false, true])
  func `what changes made is never a difference, in whatever order they came`(isShared: Bool) async throws {
    try await withSink(lanes: []) { sink in
      for seed in 1...16 as ClosedRange<UInt64> {
        var story = Story(sink, seed: seed, isShared: isShared)
        try await story.commit(300)
        let found = try await sink.differences()
        if let first = found.first { Issue.record("seed \(seed): \(first)") }
      }
    }
  }

  /// Each is a statement over the rows of one session of one lane; a row is chosen at random. `table` is what a difference begins with.
  private struct Spoil {
    var table: String
    var sql: String

    init(_ table: String, _ sql: String) {
      self.table = table
      self.sql = sql
    }

    /// Changes one row.
    static func update(_ table: String, _ change: String, where condition: String = "true") -> Spoil {
      Spoil(table, "update tide.\(table) set \(change) where ctid = (\(row(table, condition)))")
    }

    static func delete(_ table: String, where condition: String = "true") -> Spoil {
      Spoil(table, "delete from tide.\(table) where ctid = (\(row(table, condition)))")
    }

    private static func row(_ table: String, _ condition: String) -> String {
      "select ctid from tide.\(table) where session_id like 'check%' and \(condition) order by md5(ctid::text || 'SEED') limit 1"
    }
  }

  private static let spoils: [Spoil] = [
    .delete("sessions"),
    .update("sessions", "title = coalesce(title, '') || 'x'"), .update("sessions", "status = status || 'x'"),
    .update("sessions", "agent_id = coalesce(agent_id, '') || 'x'"), .update("sessions", "user_id = coalesce(user_id, '') || 'x'"),
    .update("sessions", "tenant = coalesce(tenant, '') || 'x'"), .update("sessions", "parent_id = coalesce(parent_id, '') || 'x'"),
    .update("sessions", "meta = meta || '{\"k0\": \"another\"}'"), .update("sessions", "meta = meta - 'k1'", where: "meta ? 'k1'"),
    .update("sessions", "ext = coalesce(ext, '{}') || '{\"another\": \"1\"}'"), .update("sessions", "entry_ms = entry_ms + 1"),
    .update("sessions", "updated_at = updated_at + interval '1 second'", where: "updated_at is not null"),
    .update("sessions", "ended_at = coalesce(ended_at, now()) + interval '1 second'"), .update("sessions", "set_at = '{}'", where: "set_at <> '{}'"),
    Spoil("sessions", "insert into tide.sessions (session_id) values ('check-added')"),
    .delete("context"), .update("context", "value = '\"another\"'"), .update("context", "kind = kind || 'x'"),
    .update("context", "updated_at = now()"), .update("context", "entry_ms = entry_ms - 1"),
    Spoil(
      "context",
      """
      insert into tide.context (session_id, key, kind, value, entry_ms, entry_no, lane_id, updated_at)
      select session_id, 'added', kind, value, entry_ms, entry_no, lane_id, updated_at from tide.context where session_id like 'check%' limit 1
      """),
    .delete("context_history"), .update("context_history", "at = at + interval '1 second'"),
    .update("context_history", "removed = not removed"),
    Spoil(
      "context_history",
      """
      insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
      select session_id, entry_ms, 7, lane_id, 'added', 'note', '1', false, at from tide.context_history where session_id like 'check%' limit 1
      """),
    .delete("messages"), .update("messages", "at = at + interval '1 second'"), .update("messages", "seq = coalesce(seq, 0) + 1"),
    .update("messages", "removed_at = null, removed_ms = null, removed_no = null, removed_lane = null", where: "removed_ms is not null"),
    .update("messages", "removed_at = now()"), .update("messages", "removed_ms = entry_ms + 1, removed_no = 9, removed_lane = lane_id, removed_at = now()"),
    Spoil(
      "messages",
      """
      insert into tide.messages (session_id, entry_ms, entry_no, lane_id, role, content, at)
      select session_id, entry_ms, 7, lane_id, 'user', 'added', at from tide.messages where session_id like 'check%' limit 1
      """),
    .delete("message_hides"), .update("message_hides", "at = at + interval '1 second'"),
    .update("message_hides", "message_id = 'another'", where: "kind = 'remove'"),
    .update("message_hides", "kind = 'last', message_id = null", where: "kind = 'remove'"),
    .update("message_hides", "kind = 'remove', message_id = 'another'", where: "kind = 'last'"),
    .update("message_hides", "hidden_from = ((hidden_from).entry_ms + 1, 5, 5)::tide.entry_position", where: "kind in ('last', 'clear')"),
    Spoil(
      "message_hides",
      """
      insert into tide.message_hides (session_id, entry_ms, entry_no, lane_id, kind, message_id, at)
      select session_id, entry_ms, 7, lane_id, 'remove', 'nothing', at from tide.message_hides where session_id like 'check%' limit 1
      """),
    .delete("tool_calls"), .update("tool_calls", "attempt = attempt + 100"), .update("tool_calls", "status = 'started'", where: "finished_ms is not null"),
    .update("tool_calls", "status = 'ok'", where: "finished_ms is null"),
    .update("tool_calls", "started_at = started_at + interval '1 second'", where: "started_at is not null"),
    .update("tool_calls", "finished_at = finished_at + interval '1 second'", where: "finished_at is not null"),
    .update("tool_calls", "finished_ext = coalesce(finished_ext, '{}') || '{\"added\": \"1\"}'", where: "finished_ms is not null"),
    .update("tool_calls", "finished_ms = finished_ms + 1, entry_ms = entry_ms + 1", where: "started_at is null"),
    Spoil(
      "tool_calls",
      """
      insert into tide.tool_calls (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, status, started_at)
      select session_id, 'added', 1, entry_ms, 7, lane_id, 'search', 'started', now() from tide.tool_calls where session_id like 'check%' limit 1
      """),
    .delete("outcomes"), .update("outcomes", "at = at + interval '1 second'"), .update("outcomes", "entry_no = 7"),
    Spoil("tool_calls", "delete from tide.change_log where ctid = (select ctid from tide.change_log where type = 'tool.started' limit 1)"),
    Spoil("messages", "update tide.change_log set type = 'agent.thought' where ctid = (select ctid from tide.change_log where type = 'message.appended' limit 1)"),
    Spoil("sessions", "update tide.change_log set fields = '{\"title\": \"another\"}', occurred_at = now() where ctid = (select ctid from tide.change_log where type = 'session.updated' order by entry_ms desc limit 1)"),
  ]

  @Test func `each row that somebody deletes, changes or adds is named`() async throws {
    try await withSink(lanes: []) { sink in
      var story = Story(sink, seed: 7, isShared: false)
      try await story.commit(600)
      #expect(try await sink.differences() == [])
      for spoil in Self.spoils {
        for seed in 1...3 {
          try await sink.connection.script("begin", deadline: generous)
          try await sink.connection.script(spoil.sql.replacing("SEED", with: "\(seed)"), deadline: generous)
          let found = try await sink.differences()
          #expect(found.contains { $0.detail.hasPrefix(spoil.table) }, "\(spoil.sql): \(found.prefix(3))")
          try await sink.connection.script("rollback", deadline: generous)
        }
      }
    }
  }

  @Test func `a change in flight is no difference, and a page of changes ends where it says`() async throws {
    try await withSink { sink in
      try await sink.commit((1...5).map { HandMade(UInt64($0), "message.appended", "s", [("role", "user"), ("content", "c")]) })
      let lane = try await sink.lane().laneID
      let rows = try await sink.rows("select kind, entry_ms from tide.check_changes(\(lane), 1, 0, 2)")
      #expect(rows == [[nil, "3"]])
      #expect(try await sink.rows("select kind from tide.check_changes(\(lane), 5, 0, 2)").isEmpty)
      try await sink.connection.script("delete from tide.messages where entry_ms = 4", deadline: generous)
      #expect(
        try await sink.rows("select session_id, kind, detail, entry_ms from tide.check_changes(\(lane), 3, 0, 2)") == [
          ["s", "row_missing", "messages: no row for entry 4-0 of one", "4"], [nil, nil, nil, "5"],
        ])
      #expect(try await sink.rows("select kind from tide.check_changes(\(lane), 3, 0, 2, 'other')") == [[nil]])
    }
  }
}

/// A difference as the schema's functions name it.
struct FoundDifference: Equatable {
  var session: String
  var kind: String
  var detail: String
}

extension SinkFixture {
  /// What both walks find over everything.
  func differences() async throws -> [FoundDifference] {
    try await rows(
      """
      select session_id, kind, detail from tide.check_sessions(array(
        select session_id from tide.sessions union select session_id from tide.change_log where session_id is not null))
      union
      select c.session_id, c.kind, c.detail from tide.lanes l
       cross join lateral tide.check_changes(l.lane_id, 0, 0, 1000000) c where c.kind is not null
      order by 1, 2, 3
      """
    ).map { FoundDifference(session: $0[0] ?? "", kind: $0[1] ?? "", detail: $0[2] ?? "") }
  }
}
