import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Rows that are wrong are folded again from those that say what they were.
@Suite struct StateRepairTests {
  private func repair(_ sessions: [String], in sink: SinkFixture) async throws {
    let missing = try await sink.rows(
      """
      select l.lane_id, c.entry_ms, c.entry_no from tide.lanes l
       cross join lateral tide.check_changes(l.lane_id, 0, 0, 1000000) c where c.kind is not null
      """)
    for place in missing {
      _ = try await sink.one("select tide.repair_change(\(place.map { $0 ?? "" }.joined(separator: ", ")))")
    }
    for session in sessions { _ = try await sink.rows("select * from tide.repair_session('\(session)')") }
  }

  @Test func `what other rows say is folded again, and is as it was`() async throws {
    try await withSink(lanes: []) { sink in
      var story = StateStory(sink, seed: 11, isShared: false)
      try await story.commit(600)
      let before = try await sink.everything()
      for spoil in StateSpoil.all {
        for seed in 1...2 {
          try await sink.connection.script("begin", deadline: generous)
          try await sink.connection.script(spoil.sql.replacing("SEED", with: "\(seed)"), deadline: generous)
          try await repair(story.sessions, in: sink)
          let rest = try await sink.differences()
          #expect(rest.isEmpty || spoil.isLost, "\(spoil.sql): \(rest.prefix(3))")
          if !spoil.isLost, spoil.sql.hasPrefix("update") {
            let after = try await sink.everything()
            for (table, rows) in before where after[table] != rows {
              let (was, present) = (rows.filter { after[table]?.contains($0) != true }, after[table]?.filter { !rows.contains($0) } ?? [])
              Issue.record("\(spoil.sql): \(table): \(was.prefix(2)) became \(present.prefix(2))")
            }
          }
          try await sink.connection.script("rollback", deadline: generous)
        }
      }
    }
  }

  @Test func `a repair is recorded where it is made, and what is lost stays open`() async throws {
    try await withSink { sink in
      try await sink.commit([
        HandMade(1, "session.started", "s", [("title", "one")]),
        HandMade(2, "message.appended", "s", [("role", "user"), ("content", "c")]),
        HandMade(3, "message.removed", "s", [("last", "1")]),
      ])
      try await sink.connection.script(
        "update tide.sessions set title = 'two'; delete from tide.message_hides; delete from tide.messages", deadline: generous)
      let (lane, ledger) = (try await sink.lane().laneID, sink.sink)
      let found = try await ledger.checkSessions(["s"]) + ledger.checkChanges(of: lane, after: .zero, session: nil, limit: 10).differences
      #expect(
        found.map(\.detail).sorted() == [
          "message_hides: no row for entry 3-0 of one", "messages: no row for entry 2-0 of one",
          "sessions.title: not what entry 1-0 of one gives",
        ])
      let divergences = found.map { Divergence(lane: "one", session: "s", kind: $0.kind, subject: $0.detail, detail: $0.detail) }
      #expect(try await ledger.recordDivergences(divergences).count == 3)
      #expect(try await ledger.recordDivergences(divergences).isEmpty)
      #expect(try await ledger.openStateDivergences(of: "s") == 3)
      #expect(try await ledger.repairChange(of: lane, at: EntryID(ms: 2, no: 0)) == false)
      #expect(try await ledger.repairChange(of: lane, at: EntryID(ms: 3, no: 0)))
      #expect(try await ledger.repairSession("s") == [])
      #expect(
        try await sink.rows("select detail from tide.divergences where repaired_at is null") == [["messages: no row for entry 2-0 of one"]])
      #expect(try await sink.one("select title from tide.sessions") == "one")
      #expect(try await ledger.openStateDivergences(of: nil) == 1)
      #expect(try await ledger.openStateDivergences(of: "other") == 0)
    }
  }

  @Test func `a session that was written to Redis again has no open difference there`() async throws {
    try await withSink { sink in
      let found = [Divergence.Kind.hotOlder, .hotNewer, .rowDifferent].map {
        Divergence(lane: "one", session: "s", kind: $0, subject: "state", detail: "title")
      }
      #expect(try await sink.sink.recordDivergences(found).count == 3)
      try await sink.sink.recordRebuilt(["s", "t"])
      #expect(
        try await sink.rows("select kind from tide.divergences where repaired_at is null order by 1") == [["row_different"]])
    }
  }
}
