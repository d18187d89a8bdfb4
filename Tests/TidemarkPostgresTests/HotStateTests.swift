import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// What the ledger gives back of sessions: their hot state, their history, their transcript, and what makes a fork of them.
@Suite struct HotStateTests {
  private static let changes: [(String, [(String, String)])] = [
    ("session.started", [("agent", "a"), ("title", "T \"x\""), ("meta.k", #"{"b": null}"#)]),
    ("message.appended", [("role", "user"), ("content", "first"), ("message_id", "m1"), ("note", "extra")]),
    ("message.appended", [("role", "assistant"), ("parts", #"[{"type": "text", "cache": null}]"#)]),
    ("context.set", [("key", "g"), ("value", #"{"a": null, "n": 12345678901234567}"#), ("kind", "goal")]),
    ("context.set", [("key", "n"), ("value", "1")]),
    ("context.set", [("key", "gone"), ("value", "1")]), ("context.removed", [("key", "gone")]),
    ("tool.started", [("call_id", "c1"), ("tool", "search"), ("arguments", #"{"q": null}"#), ("idempotency_key", "k1")]),
    ("tool.started", [("call_id", "c1"), ("tool", "search")]),
    ("tool.started", [("call_id", "c2"), ("tool", "pay")]),
    ("tool.finished", [("call_id", "c2"), ("status", "ok"), ("result", #"{"id": 1}"#)]),
    ("message.removed", [("message_id", "m1")]),
    ("message.appended", [("role", "user"), ("content", "last\nline")]),
  ]
  private static let entries = changes.enumerated().map { HandMade(UInt64($0 + 1) * 1_000, $1.0, "s", $1.1) }

  private func withSession(_ body: (SinkFixture) async throws -> Void) async throws {
    try await withSink { sink in
      _ = try await sink.commit(Self.entries)
      try await body(sink)
    }
  }

  @Test func `the hot state is that of the tables, in the shape of the function library`() async throws {
    try await withSession { sink in
      let sessions = try await sink.sink.hotSessions(["s", "nobody"], messages: 10)
      let session = try #require(sessions.first)
      #expect(sessions.count == 1)
      #expect(session.id == "s")
      #expect(session.entry == EntryID(ms: 13_000, no: 0))
      #expect(
        session.fields == [
          "status", "active", "agent", "a", "title", "T \"x\"", "meta.k", #"{"b": null}"#, "kind.g", "goal",
        ])
      #expect(session.context == ["g", #"{"a": null, "n": 12345678901234567}"#, "n", "1"])
      #expect(
        session.messages == [
          #"{"entry_id":"3000-0","role":"assistant","parts":"[{\"type\": \"text\", \"cache\": null}]"}"#,
          #"{"entry_id":"13000-0","role":"user","content":"last\nline"}"#,
        ])
      #expect(
        session.calls == [
          "c1",
          #"{"entry_id":"8000-0","call_id":"c1","tool":"search","arguments":"{\"q\": null}","idempotency_key":"k1"}"# + "\n"
            + #"{"entry_id":"9000-0","call_id":"c1","tool":"search"}"#,
        ])
      #expect(try await sink.sink.hotSessions(["s"], messages: 1).first?.messages.count == 1)
    }
  }

  @Test func `fields that no type knows stay with their message`() async throws {
    try await withSink { sink in
      _ = try await sink.commit(Array(Self.entries.prefix(2)))
      #expect(
        try await sink.sink.hotSessions(["s"], messages: 10).first?.messages == [
          #"{"entry_id":"2000-0","role":"user","content":"first","message_id":"m1","note":"extra"}"#
        ])
    }
  }

  @Test func `a null within JSON survives in transcript and history`() async throws {
    try await withSession { sink in
      let parts = try await sink.rows("select body -> 'parts' from tide.transcript('s') where role = 'assistant'")
      #expect(parts == [[#"[{"type": "text", "cache": null}]"#]])
      let value = try await sink.rows("select body from tide.history('s') where type = 'context.set' and body ->> 'key' = 'g'")
      #expect(value == [[#"{"key": "g", "kind": "goal", "value": {"a": null, "n": 12345678901234567}}"#]])
    }
  }

  @Test func `a complete transcript answers each call once`() async throws {
    try await withSession { sink in
      let query = "select body ->> 'call_id', body ->> 'attempt', body ->> 'status' from tide.transcript('s', complete => true)"
      let complete = try await sink.rows("\(query) where kind = 'tool_call'")
      #expect(complete == [["c1", "2", "cancelled"], ["c2", "1", "ok"]])
      let all = try await sink.rows("select body ->> 'call_id', body ->> 'status' from tide.transcript('s') where kind = 'tool_call'")
      #expect(all == [["c1", "started"], ["c1", "started"], ["c2", "ok"]])
    }
  }

  @Test func `open calls are those that nothing ended`() async throws {
    try await withSession { sink in
      let open = try await sink.rows("select session_id, call_id, attempt, tool, idempotency_key from tide.open_calls order by attempt")
      #expect(open == [["s", "c1", "1", "search", "k1"], ["s", "c1", "2", "search", nil]])
    }
  }

  @Test func `a history has each change with what it wrote`() async throws {
    try await withSession { sink in
      let rows = try await sink.rows("select type, body ->> 'content', body ->> 'call_id', body ->> 'result' from tide.history('s')")
      #expect(rows.map { $0[0] } == Self.changes.map(\.0))
      #expect(rows[1][1] == "first")
      #expect(rows[10] == ["tool.finished", nil, "c2", #"{"id": 1}"#])
      #expect(try await sink.rows("select * from tide.history('nobody')") == [])
    }
  }

  @Test func `what makes a fork is the state at the entry`() async throws {
    try await withSession { sink in
      let changes = try await sink.sink.forkChanges(of: "s", at: EntryID(ms: 10_000, no: 0))
      #expect(
        changes.map(\.type) == [
          "session.started", "message.appended", "message.appended", "tool.started", "tool.finished", "tool.started", "tool.finished",
          "tool.started", "tool.finished", "context.set", "context.set",
        ])
      #expect(changes.first?.fields == ["agent", "a", "title", "T \"x\"", "parent", "s", "meta.k", #"{"b": null}"#])
      // The call that ended later was open at that entry.
      #expect(changes[8].fields.prefix(4) == ["call_id", "c2", "status", "cancelled"])
      #expect(changes[1].fields.prefix(4) == ["role", "user", "content", "first"])
      let now = try await sink.sink.forkChanges(of: "s", at: nil)
      #expect(now.filter { $0.type == "message.appended" }.map { $0.fields[1] } == ["assistant", "user"])
      #expect(try await sink.sink.forkChanges(of: "nobody", at: nil) == [])
      #expect(try await sink.sink.forkChanges(of: "s", at: EntryID(ms: 999, no: 0)).map(\.type) == ["session.started"])
    }
  }

  @Test func `what takes a session back goes on from what it is`() async throws {
    try await withSession { sink in
      // Up to the start of c2: what came later is undone, and what was hidden since comes back in its order.
      let back = try await sink.sink.rewindChanges(of: "s", to: EntryID(ms: 10_000, no: 0))
      #expect(back.map(\.type) == ["messages.cleared", "message.appended", "message.appended"])
      #expect(back[1].fields.prefix(6) == ["role", "user", "content", "first", "message_id", "m1"])
      // Up to the first message: nothing that was visible then is hidden until the removal of it.
      let early = try await sink.sink.rewindChanges(of: "s", to: EntryID(ms: 6_000, no: 0))
      #expect(
        early.map { [$0.type] + $0.fields.prefix(2) }.suffix(3) == [
          ["tool.finished", "call_id", "c1"], ["tool.finished", "call_id", "c1"], ["context.set", "key", "gone"],
        ])
      let before = try await sink.sink.rewindChanges(of: "s", to: EntryID(ms: 12_500, no: 0))
      #expect(before.map(\.type) == ["message.removed"])
      #expect(try await sink.sink.rewindChanges(of: "s", to: EntryID(ms: 13_000, no: 0)) == [])
      #expect(try await sink.sink.begunSessions(["s", "t"], by: EntryID(ms: 1_000, no: 0)) == ["s"])
      #expect(try await sink.sink.begunSessions(["s"], by: EntryID(ms: 999, no: 0)) == [])
    }
  }

  @Test func `the record of an eviction tells its numbers once, and its event ids until the session is back`() async throws {
    try await withSink { sink in
      let evicted = EvictedSession(
        id: "s", lane: "l", incarnation: 2, history: "ab12", epoch: 5, seq: 6, entry: EntryID(ms: 7, no: 8),
        eventIDs: ["e\"1", "6 5 7-8 -"])
      try await sink.sink.recordEvicted([evicted])
      var later = evicted
      later.seq = 9
      try await sink.sink.recordEvicted([later])
      #expect(try await sink.sink.takeEvicted(["s", "t"]) == [later])
      var taken = later
      taken.incarnation = nil
      #expect(try await sink.sink.takeEvicted(["s"]) == [taken])
      try await sink.sink.forgetEvicted(["s"])
      #expect(try await sink.sink.takeEvicted(["s"]) == [])
    }
  }

  @Test func `a session that is about to be evicted is not recorded over its eviction`() async throws {
    try await withSink { sink in
      let evicted = EvictedSession(
        id: "s", lane: "l", incarnation: 2, epoch: 5, seq: 6, entry: EntryID(ms: 7, no: 8), eventIDs: ["e", "-"])
      var leaving = evicted
      leaving.incarnation = nil
      leaving.eventIDs = []
      try await sink.sink.recordEvicted([evicted])
      // Another worker, which searched the lane before, saw the session when it was there.
      try await sink.sink.recordEvicted([leaving])
      try await sink.sink.forgetEvicted(["s"])
      #expect(try await sink.sink.takeEvicted(["s"]) == [evicted])
      // What the session has become since it returned is recorded.
      leaving.entry = EntryID(ms: 7, no: 9)
      try await sink.sink.recordEvicted([leaving])
      #expect(try await sink.sink.takeEvicted(["s"]) == [leaving])
    }
  }

  @Test func `the record of an eviction is completed by numbers alone, if it is of the same entry`() async throws {
    try await withSink { sink in
      let evicted = ["s", "t"].map {
        EvictedSession(
          id: $0, lane: "l", incarnation: 2, history: "ab", epoch: 5, seq: 6, entry: EntryID(ms: 7, no: 8), eventIDs: ["e", "-"])
      }
      try await sink.sink.recordEvicted(evicted.map(\.unnumbered))
      var completed = evicted
      completed[0].seq = 0
      completed[0].epoch = 9
      completed[0].history = "cd"
      completed[1].entry = EntryID(ms: 7, no: 9)
      completed.append(EvictedSession(id: "u", lane: "l", incarnation: 2, epoch: 5, seq: 6, entry: EntryID(ms: 7, no: 8)))
      #expect(try await sink.sink.recordNumbers(of: completed) == Array(completed[1...]))
      #expect(try await sink.sink.takeEvicted(["s", "t", "u"]) == [completed[0], evicted[1].unnumbered])
      #expect(try await sink.sink.recordNumbers(of: []) == [])
    }
  }

  @Test func `a worker whose lease ran out serves its lanes while it is connected, and commits nothing once fenced`() async throws {
    try await withSink { sink in
      let lane = try await sink.lane()
      let names = [lane.name, "unknown"]
      /// A worker that is slow to renew its lease, or one that is cut off: its commits come over another connection.
      func expire(isConnected: Bool) async throws {
        _ = try await sink.sink.renew(SinkFixture.worker, canServe: true, for: .seconds(600))
        _ = try await sink.one("update tide.leases set expires_at = now() - interval '1 s'")
        guard !isConnected else { return }
        let pid = try #require(try await sink.one("select backend_pid from tide.workers where worker = 'w1'"))
        try await sink.server.adminPsql("select pg_terminate_backend(\(pid), 10000)")
      }
      let other = try SinkFixture.makeSink(sink.server)
      func found() async throws -> LaneRecord? { try await other.lanes(named: [lane.name]).first }
      #expect(try await other.servedLanes(names) == [lane.name])
      try await expire(isConnected: true)
      #expect(try await other.servedLanes(names) == [lane.name])
      try await other.fenceUnserved(names)
      #expect(try await found() == lane)

      try await expire(isConnected: false)
      #expect(try await other.servedLanes(names) == [])
      // A worker that ended with its server lives for other workers, but it is not here.
      _ = try await sink.one("update tide.workers set backend_started = pg_postmaster_start_time() - interval '1 s' where worker = 'w1'")
      #expect(try await other.servedLanes(names) == [])
      try await other.fenceUnserved([])
      #expect(try await found() == lane)
      try await other.fenceUnserved(names)
      let fenced = try #require(try await found())
      #expect(fenced.owner == nil && fenced.fence > lane.fence && fenced.cursor == lane.cursor)
      let error = await #expect(throws: SinkError.self) {
        try await sink.writer.commit(sink.batch([(lane, Self.entries)]), .fast)
      }
      #expect(error?.kind == .fenced([lane.laneID]))
      try await other.fenceUnserved(names)
      #expect(try await found() == fenced)
      // It comes back.
      _ = try await other.renew(SinkFixture.worker, canServe: true, for: .seconds(600))
      #expect(try await other.reclaim([lane.name], for: SinkFixture.worker).map(\.owner) == ["w1"])
    }
  }

  @Test func `sessions are found page by page, by who they belong to`() async throws {
    try await withSink { sink in
      let owners = [("s1", "ann", "x"), ("s2", "bob", "x"), ("s3", "ann", "y")]
      _ = try await sink.commit(
        owners.enumerated().map { HandMade(UInt64($0 + 1), "session.started", $1.0, [("user", $1.1), ("tenant", $1.2)]) })
      func found(_ filter: SessionFilter, after id: String = "", limit: Int = 9) async throws -> [String] {
        try await sink.sink.sessions(filter, after: id, limit: limit).map(\.id)
      }
      #expect(try await found(SessionFilter(), limit: 2) == ["s1", "s2"])
      #expect(try await found(SessionFilter(), after: "s2", limit: 2) == ["s3"])
      #expect(try await found(SessionFilter(user: "ann")) == ["s1", "s3"])
      #expect(try await found(SessionFilter(user: "ann", tenant: "y")) == ["s3"])
      #expect(try await found(SessionFilter(status: "failed")) == [])
    }
  }

  @Test func `it is known of sessions whether the function library writes them`() async throws {
    try await withSink { sink in
      let numbered = [("seq", "1"), ("epoch", "5")]
      let said = [("role", "user"), ("content", "x")]
      _ = try await sink.commit([
        HandMade(1, "session.started", "a", numbered), HandMade(2, "session.started", "b"),
        HandMade(3, "message.appended", "c", said + numbered), HandMade(4, "message.appended", "d", said),
        // Restored as one that nobody knew, and never named.
        HandMade(5, "context.set", "e", [("key", "k"), ("value", "1")] + numbered),
        // A plain change of a session that the library writes is a divergence.
        HandMade(6, "session.started", "f", numbered), HandMade(7, "message.appended", "f", said),
        HandMade(8, "message.appended", "g", said + numbered), HandMade(9, "session.updated", "g", [("title", "t")]),
      ])
      let sessions = try await sink.sink.sessions(SessionFilter(), after: "", limit: 9)
      #expect(sessions.map(\.id) == ["a", "b", "c", "d", "e", "f", "g"])
      #expect(sessions.filter { !$0.isNumbered }.map(\.id) == ["b", "d"])
    }
  }
}
