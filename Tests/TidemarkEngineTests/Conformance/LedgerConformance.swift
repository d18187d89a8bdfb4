import Testing

@testable import TidemarkCore

/// What every ledger must do: the one in memory that the simulation uses, and Postgres.
struct LedgerConformance {
  let ledger: any ChangeSink
  private let first = WorkerIdentity(name: "first", host: "here", pid: 1)
  private let second = WorkerIdentity(name: "second", host: "here", pid: 2)
  private let ttl = Duration.seconds(60)
  private let lane = "conformance"
  private var shard: Int { Shard.of(lane) }

  init(_ ledger: any ChangeSink) {
    self.ledger = ledger
  }

  func run() async throws {
    try await lanesAreRegisteredOnce()
    try await aShardHasOneHolder()
    try await anItemTakesEffectOnce()
    let writer = try ledger.makeWriter()
    try await aCommitMovesTheCursorAndIsFenced(writer)
    try await anIncarnationIsRaisedOnlyByItsOwner()
    try await aNewIncarnationBeginsWhereItIsTold()
    try await aReleasedShardIsFree()
    await writer.close()
  }

  private var record: LaneRecord { get async throws { try #require(try await ledger.lanes(named: [lane]).first) } }

  private func lanesAreRegisteredOnce() async throws {
    #expect(try await ledger.lanes(named: [lane]) == [])
    try await ledger.register([NewLane(name: lane, shard: shard, position: EntryID(ms: 7, no: 0), baseline: 3)])
    let before = try await record
    #expect(before.cursor.position == EntryID(ms: 7, no: 0) && before.ordinal == 3 && before.baseline == 3 && before.incarnation == 1)
    try await ledger.register([NewLane(name: lane, shard: shard, position: .zero, baseline: 0)])
    #expect(try await record == before, "a lane that has a row is left alone")
    #expect(try await ledger.lanes(named: [lane, "unknown"]).map(\.name) == [lane])
  }

  private func aShardHasOneHolder() async throws {
    _ = try await ledger.renew(first, canServe: true, for: ttl)
    _ = try await ledger.renew(second, canServe: true, for: ttl)
    let before = try await record.fence
    let grant = try await ledger.take([shard], for: first, ttl: ttl)
    #expect(grant.shards.keys.sorted() == [shard])
    #expect(try await ledger.take([shard], for: second, ttl: ttl) == LeaseGrant(), "a held shard is not taken")
    #expect(try await ledger.renew(first, canServe: true, for: ttl) == grant)
    let record = try await record
    #expect(record.owner == "first" && record.fence > before, "an owner has a fencing token of its own")
    let table = try await ledger.leases(within: ttl)
    let lease = try #require(table.shards.first { $0.shard == shard })
    #expect(lease.holder == "first" && !lease.isFree && lease.hasLanes)
    #expect(Set(table.workers.map(\.name)) == ["first", "second"])
    #expect(try await ledger.reclaim([lane], for: second) == [], "the holder of another shard can't reclaim")
  }

  private func anItemTakesEffectOnce() async throws {
    let item = NewItem(streams: "jobs:*", start: .newest)
    #expect(try await ledger.itemsInEffect(["jobs:*"]) == [])
    #expect(try await ledger.putInEffect(item, by: first))
    #expect(try await !ledger.putInEffect(item, by: second))
    #expect(try await ledger.itemsInEffect(["jobs:*", "others:*"]).map(\.streams) == ["jobs:*"])
  }

  private func batch(_ record: LaneRecord, at ms: UInt64) -> ChangeBatch {
    let raw = ["type", "note", "session", "s", "value", "\(ms)"].map { Array($0.utf8) }
    let block = EntryBlock(id: EntryID(ms: ms, no: 0), raw: raw)
    var builder = BatchBuilder(
      routes: SimulatedWorld.routes, limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false))
    builder.append(lane: record, partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<1)])
    return builder.finish()
  }

  private func fencedLanes(_ body: () async throws -> BatchOutcome) async throws -> [Int32] {
    do {
      _ = try await body()
      return []
    } catch let error as SinkError {
      guard case .fenced(let lanes) = error.kind else { throw error }
      return lanes
    }
  }

  private func aCommitMovesTheCursorAndIsFenced(_ writer: any ChangeWriter) async throws {
    let before = try await record
    let batch = batch(before, at: 8)
    let outcome = try await writer.commit(batch, .fast)
    let after = try await record
    #expect(after.cursor.position == EntryID(ms: 8, no: 0) && after.cursor.appliedNo == 1 && after.ordinal == before.ordinal + 1)
    #expect(after == before.advanced(by: outcome.lanes[0]), "the worker and the ledger hold the same of a lane")
    #expect(try await fencedLanes { try await writer.commit(batch, .fast) } == [before.laneID], "a batch is committed once")
    #expect(try await fencedLanes { try await writer.commit(batch, .exact) } == [before.laneID])
    var another = after
    another.fence -= 1
    #expect(try await fencedLanes { try await writer.commit(self.batch(another, at: 9), .fast) } == [before.laneID])
    #expect(try await record == after, "a fenced batch leaves nothing")
    #expect(try await writer.settledLanes([before.laneID]) == [after])
  }

  private func anIncarnationIsRaisedOnlyByItsOwner() async throws {
    let before = try await record
    var another = before
    another.fence -= 1
    #expect(try await !ledger.raiseIncarnation(of: another, to: 5))
    #expect(try await ledger.raiseIncarnation(of: before, to: 5))
    #expect(try await record.incarnation == 5)
    #expect(try await !ledger.raiseIncarnation(of: before, to: 6), "the lane has another incarnation by now")
  }

  private func aNewIncarnationBeginsWhereItIsTold() async throws {
    let before = try await record
    var elsewhere = before
    elsewhere.cursor.position = EntryID(ms: 1, no: 0)
    let refused = NewIncarnation(ended: elsewhere, cause: .flushed, atLeast: 0, start: .zero, startOrdinal: 0)
    await #expect(throws: SinkError.self, "fenced as a commit is") { try await ledger.begin(refused) }
    try await ledger.begin(NewIncarnation(ended: before, cause: .recreated, atLeast: 0, start: EntryID(ms: 2, no: 0), startOrdinal: 2))
    let after = try await record
    #expect(after.incarnation == 6 && after.cursor.position == EntryID(ms: 2, no: 0) && after.ordinal == 2 && after.baseline == 2)
    #expect(after.cursor.appliedNo == 1, "the audit trail goes on")
    #expect(after.furthest == EntryID(ms: 8, no: 0) && after.totals == LaneCounts() && !after.isMirrored && after.anchor == nil)
    try await ledger.mirrored([before])
    #expect(try await !record.isMirrored, "a group of the earlier incarnation says nothing")
    try await ledger.mirrored([after])
    #expect(try await record.isMirrored)
  }

  private func aReleasedShardIsFree() async throws {
    try await ledger.release([shard], of: second)
    #expect(try await record.owner == "first", "only the holder releases")
    let before = try await record.fence
    try await ledger.release([shard], of: first)
    let grant = try await ledger.take([shard], for: second, ttl: ttl)
    #expect(grant.shards.keys.sorted() == [shard])
    let record = try await record
    #expect(record.owner == "second" && record.fence > before)
    try await ledger.leave(second)
    #expect(try await ledger.leases(within: ttl).workers.map(\.name) == ["first"])
    #expect(try await ledger.take([shard], for: first, ttl: ttl).shards.keys.sorted() == [shard])
  }
}
