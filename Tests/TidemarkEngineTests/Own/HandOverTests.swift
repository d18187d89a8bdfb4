import Testing
import TidemarkCore

@testable import TidemarkEngine

@Suite struct HandOverTests {
  static let settings = WorkerSettings(
    flow: FlowLimits(
      maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
      haltBackoff: .seconds(1)),
    decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false), retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)),
    lanes: LaneCatalog(prefix: "tidemark", partitions: nil, items: [LaneItem(streams: "*", start: .oldest)]), writers: 1,
    discover: .seconds(1), leaseTTL: .seconds(10), checkpointInterval: .seconds(10), retention: RetentionLimits(dedupeWindow: .seconds(60)))
  private static let shard = Shard.of("a")
  static func record(_ name: String, shard: Int) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: name, shard: shard, fence: 1, incarnation: 1,
      cursor: LaneCursor(position: EntryID(ms: 5, no: 0), appliedNo: 5), ordinal: 5, baseline: 0, owner: "me", isMirrored: true)
  }

  /// A coordinator that has read one entry of its lane and not committed it.
  private func reading() async throws -> LaneCoordinator {
    let coordinator = LaneCoordinator(settings: Self.settings)
    await coordinator.perform {
      _ = $0.hold(LeaseGrant(shards: [Self.shard: 1]))
      $0.acquire([Self.record("a", shard: Self.shard)], at: .only, now: $1.now)
    }
    while case .check(let checks)? = await coordinator.nextRead(at: .only, block: .zero) {
      await coordinator.perform { state, _ in
        _ = state.checked(checks.map { StreamComparison($0, Self.observed(added: 6), anchor: .same) })
      }
      if await !coordinator.scheduler.isDue { continue }
      break
    }
    let request = LaneReadRequest(
      positions: [.init(lane: "a", after: EntryID(ms: 5, no: 0))], count: 1, block: nil, budget: nil, maxEntryBytes: 1 << 20)
    await coordinator.perform { $0.received(EntryBlock(id: EntryID(ms: 6, no: 0), raw: [[1], [2]]), for: request, now: $1.now) }
    return coordinator
  }

  private static func observed(added: UInt64?) -> ObservedStream {
    let last = EntryID(ms: 6, no: 0)
    let stream = added.map {
      StreamInfo(length: $0, lastGeneratedID: last, entriesAdded: $0, maxDeletedID: .zero, firstID: EntryID(ms: 1, no: 0), lastID: last)
    }
    return ObservedStream(stream: stream, hasGroup: stream != nil, anchor: stream == nil ? .gone : .there(nil))
  }

  @Test func `a shard is free at once when nothing of it is under way: the next owner reads again what was not committed`() async throws {
    let coordinator = try await reading()
    #expect(await coordinator.drainShards([Self.shard], until: .now) == [Self.shard])
    #expect(await coordinator.ownsNothing)
  }

  private static func check(knownAdded: UInt64) -> ExpectedStream {
    ExpectedStream(
      lane: "a", cursor: EntryID(ms: 5, no: 0), anchor: nil, isMirrored: true, hasRead: true, readPosition: EntryID(ms: 6, no: 0),
      readOrdinal: 6, countedPosition: EntryID(ms: 5, no: 0), knownAdded: knownAdded)
  }

  @Test func `what was read of a stream that is gone is committed before its shard goes to another`() async throws {
    let coordinator = try await reading()
    await coordinator.perform { state, _ in
      _ = state.checked([StreamComparison(Self.check(knownAdded: 6), Self.observed(added: nil), anchor: .gone)])
    }
    #expect(await coordinator.scheduler.lanes["a"]?.isClosing == true)
    // Nobody commits it: the shard stays ours.
    let vacant = await coordinator.drainShards([Self.shard], until: .now.advanced(by: .milliseconds(20)))
    // Else nothing would be left to wait for.
    try #require(vacant == [])
    #expect(await coordinator.grant.shards[Self.shard] == 1)

    async let vacated = coordinator.drainShards([Self.shard], until: .now.advanced(by: .seconds(60)))
    let work = try #require(await coordinator.nextWork())
    await coordinator.perform { state, time in
      var committed = work.parts[0].record
      committed.cursor.position = EntryID(ms: 6, no: 0)
      committed.ordinal = 6
      state.finish(work.parts[0], .committed(committed, deadLettersInARow: 0), at: time)
    }
    #expect(await vacated == [Self.shard])
  }
}
