import Logging
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkFenceTests {
  private static let entry = HandMade(5, "messages.cleared")

  @Test(arguments: ["fence = fence + 1", "entry_ms = 3", "entry_no = 3", "ordinal = 3", "applied_no = applied_no + 1"])
  func `a lane that is not where the batch left it is named, and nothing is committed`(change: String) async throws {
    try await withSink(lanes: ["one", "two", "three"]) { sink in
      let records = [try await sink.lane("one"), try await sink.lane("two"), try await sink.lane("three")]
      _ = try await sink.one("update tide.lanes set \(change) where lane in ('one', 'three')")
      let before = try await sink.everything()
      for (index, mode) in [CommitMode.fast, .exact, .isolating, .fast].enumerated() {
        // The last one is for COPY.
        let entries = index < 3 ? [Self.entry] : (1...500).map { HandMade($0 + 10, "messages.cleared") }
        let error = try await sinkFailure { try await sink.writer.commit(sink.batch(records.map { ($0, entries) }), mode) }
        #expect(error.kind == .fenced([records[0].laneID, records[2].laneID]))
        #expect(!error.isOutcomeUnknown)
        #expect(try await sink.everything() == before)
      }
      // The writer is none the worse for it.
      #expect(try await sink.commit([Self.entry], lane: "two").counts.applied == 1)
    }
  }

  @Test func `a lane that does not exist is named, too`() async throws {
    try await withSink { sink in
      var record = try await sink.lane()
      record.laneID = 4_711
      let error = try await sinkFailure { try await sink.writer.commit(sink.batch([(record, [Self.entry])]), .fast) }
      #expect(error.kind == .fenced([4_711]))
    }
  }

  @Test func `shards go to the first worker, the second takes them when they are released, with a higher fence`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      let second = WorkerIdentity(name: "w2", host: "there", pid: 2)
      let first = try await sink.sink.lease(SinkFixture.worker, for: .seconds(600))
      #expect(Set(first.shards.keys) == Set(0..<Shard.count))
      #expect(try await other.lease(second, for: .seconds(600)).shards == [:])
      let before = try await sink.lane()
      #expect(before.owner == "w1")
      try await sink.sink.leave(SinkFixture.worker)
      #expect(try await sink.lane().owner == nil)
      #expect(try await sink.one("select string_agg(worker, ',') from tide.workers") == "w2")
      let taken = try await other.lease(second, for: .seconds(600))
      #expect(taken.shards == first.shards.mapValues { $0 + 1 })
      let after = try await sink.lane()
      #expect(after.owner == "w2")
      #expect(after.fence > before.fence)
      // From then on nothing of the old one commits.
      let error = try await sinkFailure { try await sink.writer.commit(sink.batch([(before, [Self.entry])]), .fast) }
      #expect(error.kind == .fenced([before.laneID]))
      #expect(try await sink.sink.lease(SinkFixture.worker, for: .seconds(600)).shards == [:])
    }
  }

  @Test func `renewing changes neither fence, and a lease of one's own that ran out goes on while nobody took it`() async throws {
    try await withSink { sink in
      let first = try await sink.sink.lease(SinkFixture.worker, for: .seconds(600))
      let fence = try await sink.lane().fence
      _ = try await sink.one("update tide.leases set expires_at = now() - interval '1 hour'")
      #expect(try await sink.sink.lease(SinkFixture.worker, for: .seconds(600)) == first)
      #expect(try await sink.lane().fence == fence)
      #expect(try await sink.one("select bool_and(expires_at > now() + interval '590 s')::text from tide.leases") == "true")
    }
  }

  @Test func `a lease that ran out is taken`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      _ = try await sink.one("update tide.leases set expires_at = now() - interval '1 s' where shard < 3")
      let taken = try await other.lease(WorkerIdentity(name: "w2", host: "there", pid: 2), for: .seconds(600))
      #expect(taken.shards.keys.sorted() == [0, 1, 2])
    }
  }

  @Test func `a lease whose owner's backend is gone is taken at once`() async throws {
    try await withSink { sink in
      let pid = try #require(try await sink.one("select backend_pid from tide.workers"))
      try await sink.server.adminPsql("select pg_terminate_backend(\(pid), 10000)")
      let other = try SinkFixture.makeSink(sink.server)
      let taken = try await other.lease(WorkerIdentity(name: "w2", host: "there", pid: 2), for: .seconds(600))
      #expect(taken.shards.count == Shard.count)
    }
  }

  @Test func `registering a lane again leaves it as it is`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.entry])
      let before = try await sink.lane()
      try await sink.sink.register([
        NewLane(name: "one", shard: 9, position: EntryID(ms: 99, no: 9), baseline: 9),
        NewLane(name: "new", shard: 7, position: EntryID(ms: 3, no: 4), baseline: 5),
      ])
      #expect(try await sink.lane() == before)
      let new = try await sink.lane("new")
      #expect(new.cursor == LaneCursor(position: EntryID(ms: 3, no: 4), appliedNo: 0))
      #expect(new.baseline == 5)
      #expect(new.ordinal == 5)
      #expect(new.owner == "w1")
      #expect(try await sink.sink.lanes(named: ["nobody", "new", "one"]).map(\.name) == ["new", "one"])
    }
  }

  @Test func `a note and a checkpoint are the owner's alone`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      try await sink.commit([Self.entry])
      let lane = try await sink.lane()
      let since = try await sink.one("select since::text from tide.lanes where lane = 'one'")
      func note(_ fence: Int64, _ state: LaneState, _ error: String?) async throws {
        try await sink.sink.note([LaneNote(lane: "one", fence: fence, state: state, lastError: error, hint: nil)])
      }
      try await note(lane.fence - 1, .halted, "not ours")
      #expect(try await sink.rows("select state, last_error from tide.lanes where lane = 'one'") == [["idle", nil]])
      try await note(lane.fence, .idle, "an error")
      #expect(try await sink.one("select since::text from tide.lanes where lane = 'one'") == since)
      try await note(lane.fence, .waitingPostgres, "gone")
      #expect(try await sink.rows("select state, last_error from tide.lanes where lane = 'one'") == [["waiting_postgres", "gone"]])
      #expect(try await sink.one("select (since > '\(since ?? "")')::text from tide.lanes where lane = 'one'") == "true")
      // Given back, it is nobody's, though the fence is still the same.
      _ = try await sink.one("update tide.lanes set owner = null, state = 'unowned' where lane = 'one'")
      try await note(lane.fence, .idle, nil)
      #expect(try await sink.one("select state from tide.lanes where lane = 'one'") == "unowned")

      let marks = [
        CheckpointMark(lane: "one", fence: lane.fence, lagEntries: 7, lagSeconds: 1.5),
        CheckpointMark(lane: "two", fence: lane.fence + 9, lagEntries: nil, lagSeconds: nil),
      ]
      try await sink.sink.checkpoint(marks, worker: SinkFixture.worker)
      _ = try await sink.one("select count(*) from tide.seal_lanes(array[\(lane.laneID)], 10)")
      try await sink.sink.checkpoint(
        [CheckpointMark(lane: "one", fence: lane.fence, lagEntries: nil, lagSeconds: nil)], worker: SinkFixture.worker)
      let rows = try await sink.rows(
        """
        select lane, entry_ms, entry_no, applied_no, applied_total, lag_entries, lag_seconds, worker, octet_length(seal)
          from tide.checkpoints order by taken_at
        """)
      #expect(
        rows == [
          ["one", "5", "0", "1", "1", "7", "1.5", "w1", "0"], ["one", "5", "0", "1", "1", nil, nil, "w1", "32"],
        ])
    }
  }
}
