import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// The tables against the audit trail: what changes made is never a difference, and what somebody else made is one.
@Suite struct StateCheckTests {
  @Test(arguments: [false, true])
  func `what changes made is never a difference, in whatever order they came`(isShared: Bool) async throws {
    try await withSink(lanes: []) { sink in
      for seed in 1...16 as ClosedRange<UInt64> {
        var story = StateStory(sink, seed: seed, isShared: isShared)
        try await story.commit(300)
        let found = try await sink.differences()
        if let first = found.first { Issue.record("seed \(seed): \(first)") }
      }
    }
  }

  @Test func `each row that somebody deletes, changes or adds is named`() async throws {
    try await withSink(lanes: []) { sink in
      var story = StateStory(sink, seed: 7, isShared: false)
      try await story.commit(600)
      #expect(try await sink.differences() == [])
      for spoil in StateSpoil.all {
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
