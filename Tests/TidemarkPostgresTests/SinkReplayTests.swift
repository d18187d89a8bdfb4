import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkReplayTests {
  private static func set(_ ms: UInt64, _ value: String, event: String? = nil) -> HandMade {
    HandMade(ms, "context.set", "s", [("key", "k"), ("value", value)] + (event.map { [("event_id", $0)] } ?? []))
  }

  /// Replays letters of these entries, and tells what became of each.
  private static func replay(
    _ letters: [Int64], _ entries: [HandMade], over replayer: PostgresReplayer, _ sink: SinkFixture
  ) async throws -> [LateEntryOutcome?] {
    let byID = Dictionary(uniqueKeysWithValues: zip(letters, entries))
    let replays = try await replayer.replay(lane: "one", letters) { record, open in
      sink.batch([(record, open.compactMap { byID[$0] })])
    }
    return letters.map { replays?[$0] }
  }

  @Test func `a transaction of replays decides each letter by itself, and numbers what it applies without a hole`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      try await sink.connection.script(
        "alter table tide.context_history add constraint small check (value <> '3')", deadline: generous)
      try await sink.commit([Self.set(1, "1", event: "e"), Self.set(20, "20")])
      let entries = [
        Self.set(2, "2"), Self.set(3, "3"), Self.set(4, "1", event: "e"), Self.set(5, "{"), Self.set(6, "6"), Self.set(20, "21"),
      ]
      var letters: [Int64] = []
      for entry in entries { letters.append(try #require(try await sink.addLetter(entry, lane: "one"))) }
      _ = try await sink.one("update tide.dead_letters set resolved_at = now(), resolution = 'discarded' where entry_ms = 6")
      let replays = try await Self.replay(letters, entries, over: replayer, sink)
      #expect(replays[0] == .applied)
      guard case .rejectedAgain(let constraint) = replays[1] else { throw ServerError(.misuse, "\(replays)") }
      #expect(constraint.reason == .constraint)
      #expect(replays[2] == .alreadyThere)
      guard case .rejectedAgain(let json) = replays[3] else { throw ServerError(.misuse, "\(replays)") }
      #expect(json.reason == .badJSON)
      #expect(replays[4] == .resolvedBefore("discarded"))
      #expect(replays[5] == .rejectedAgain(.divergent))
      #expect(try await sink.rows("select entry_ms, no from tide.changes order by no") == [["1", "1"], ["20", "2"], ["2", "3"]])
      #expect(
        try await sink.rows("select entry_ms, resolution from tide.dead_letters order by entry_ms") == [
          ["2", "replayed"], ["3", nil], ["4", "replayed: it was there already"], ["5", nil], ["6", "discarded"], ["20", nil],
        ])
      // The lane goes on from there, and what is resolved stays so.
      try await sink.commit([Self.set(21, "22")])
      #expect(try await Self.replay([letters[0]], [entries[0]], over: replayer, sink) == [.resolvedBefore("replayed")])
      #expect(try await sink.lane().cursor.appliedNo == 4)
      await replayer.close()
    }
  }

  @Test func `a replay finds what its producer wrote again, however long ago that was`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      try await sink.connection.script(
        "alter table tide.context_history add constraint small check (value <> '3')", deadline: generous)
      func everythingIsForgotten() async throws {
        _ = try await sink.sweep(.eventIDs([0..<1_000]))
      }
      // Refused by Postgres, refused by the decoder, and a third one; then each is written again, and is taken.
      let refused = [Self.set(1, "3", event: "a"), Self.set(2, "{", event: "b"), Self.set(3, "3", event: "c")]
      try await sink.commit(refused, .exact)
      try await sink.commit([Self.set(4, "4", event: "a"), Self.set(5, "5", event: "b"), Self.set(6, "6", event: "d")])
      try await everythingIsForgotten()
      #expect(try await sink.rows("select event_id from tide.event_ids order by 1") == [["a"], ["b"]])
      try await sink.connection.script("alter table tide.context_history drop constraint small", deadline: generous)
      let letters = try await sink.rows("select id from tide.dead_letters order by entry_ms").compactMap { $0[0].flatMap { Int64($0) } }
      let replays = try await Self.replay(letters, refused, over: replayer, sink)
      let reused = Rejection(.idReused, "the event_id was used before, for another content")
      #expect(replays[0] == .rejectedAgain(reused))
      #expect(replays[2] == .applied)
      _ = try await sink.one("update tide.dead_letters set resolved_at = now() where event_id in ('a', 'b')")
      try await everythingIsForgotten()
      #expect(try await sink.one("select count(*) from tide.event_ids") == "0")
      await replayer.close()
    }
  }

  @Test func `an owner that was numbering meanwhile is refused, and learns that only the numbers have changed`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      let before = try await sink.lane()
      let entry = Self.set(1, "1")
      let letter = try #require(try await sink.addLetter(entry, lane: "one"))
      #expect(try await Self.replay([letter], [entry], over: replayer, sink) == [.applied])
      let batch = sink.batch([(before, [Self.set(2, "2")])])
      let error = try await sinkFailure { try await sink.writer.commit(batch, .fast) }
      #expect(error.kind == .fenced([before.laneID]))
      let now = try await sink.lane()
      let records = try await sink.writer.settledLanes([before.laneID])
      #expect(FenceResolution(batch, fenced: [before.laneID], records) == .renumber([now]))
      _ = try await sink.writer.commit(sink.batch([(now, [Self.set(2, "2")])]), .fast)
      #expect(try await sink.rows("select entry_ms, no from tide.changes order by no") == [["1", "1"], ["2", "2"]])
      await replayer.close()
    }
  }

  @Test func `a lane that somebody holds is not queued for`() async throws {
    try await withSink { sink in
      let replayer = try sink.sink.makeReplayer()
      let entry = Self.set(1, "1")
      let letter = try #require(try await sink.addLetter(entry, lane: "one"))
      try await sink.connection.script("begin; select from tide.lanes for update", deadline: generous)
      // However long the sink's own patience is.
      let error = try await sinkFailure { try await Self.replay([letter], [entry], over: replayer, sink) }
      #expect(error.sqlstate == "55P03")
      #expect(error.kind == .fault(.world))
      await sink.connection.rollback()
      #expect(try await Self.replay([letter], [entry], over: replayer, sink) == [.applied])
      await replayer.close()
    }
  }
}
