import Logging
import Metrics
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// A ledger that goes back without another timeline.
@Suite struct LedgerWatchTests {
  private let source = MemorySource()
  private let sink = MemorySink()
  private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test func `what a quiet lane lost is committed again, and the others go on`() async throws {
    let written = Dictionary(uniqueKeysWithValues: ["a", "b"].map { lane in (lane, (0..<20).map { _ in source.append(lane) }) })
    try await RunningWorker(source: source, sink: sink).run { _ in
      for (lane, ids) in written { try await waitUntil("\(lane) is durable") { source.durable(lane) == ids.last } }
      sink.promote("a", knowing: 7, isNoticeable: false)
      #expect(sink.applied("a").count == 7)
      try await waitUntil("what it lacks is committed again") { sink.applied("a") == written["a"] }
      #expect(sink.applied("b") == written["b"])
    }
  }

  @Test func `a lane whose row is gone begins again`() async throws {
    let written = (0..<5).map { _ in source.append("a") }
    try await RunningWorker(source: source, sink: sink, lanes: ["a"]).run { _ in
      try await waitUntil("it is durable") { source.durable("a") == written.last }
      sink.state.withLock { state in
        state.lanes["a"] = nil
        state.applied["a"] = []
      }
      try await waitUntil("it is there again") { sink.applied("a") == written }
    }
  }

  /// A watch over lanes that are owned and have been committed up to their tenth entry.
  private func withWatch(lanes: Int, _ body: (LedgerWatch, LaneCoordinator, MarkPublisher) async throws -> Void) async throws {
    let coordinator = LaneCoordinator(settings: HandOverTests.settings)
    let records = (0..<lanes).map { number in
      var record = HandOverTests.record("lane\(number)", shard: 1)
      record.cursor.position = EntryID(ms: 10, no: 0)
      record.ordinal = 10
      return record
    }
    sink.state.withLock { state in for record in records { state.lanes[record.name] = record } }
    await coordinator.perform {
      _ = $0.hold(LeaseGrant(shards: [1: 1]))
      $0.acquire(records, at: .only, now: $1.now)
    }
    let inspector = LaneInspector(source: source, refusals: LaneRefusals(clock: SystemClock(), logger: Self.silent))
    let publisher = MarkPublisher(source: source, inspector: inspector, coordinator: coordinator, logger: Self.silent)
    let watch = LedgerWatch(
      sink: sink, coordinator: coordinator, publisher: publisher, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance),
      logger: Self.silent)
    try await body(watch, coordinator, publisher)
  }

  @Test func `a mark that follows a lane's own commit under way is not taken for one of a ledger that went back`() async throws {
    try await withWatch(lanes: 1) { watch, coordinator, _ in
      let record = try #require(sink.record("lane0"))
      for _ in 0..<11 { _ = source.append("lane0") }
      source.tell(DurableMark(lane: "lane0", durable: EntryID(ms: 11, no: 0), incarnation: 1, rejected: []))
      let verification = OwnershipCheck(
        source: source, sink: sink,
        inspector: LaneInspector(source: source, refusals: LaneRefusals(clock: SystemClock(), logger: Self.silent)),
        coordinator: coordinator, metrics: watch.metrics, logger: Self.silent)
      #expect(try await verification.verified([record], ["lane0"], HandOverTests.settings).isEmpty)
      #expect(sink.record("lane0")?.incarnation == 1)
      let raised = try await verification.verified([record], [], HandOverTests.settings)
      #expect(raised.map(\.record.incarnation) == [2])
      #expect(sink.record("lane0")?.incarnation == 2)
    }
  }

  @Test func `every lane has its turn`() async throws {
    try await withWatch(lanes: 600) { watch, coordinator, _ in
      sink.promote("lane599", knowing: 0, isNoticeable: false)
      sink.state.withLock { $0.restarts = 0 }
      for _ in 0..<10 { _ = try await watch.read(await coordinator.perform { state, _ in state.lanesToCompare(LedgerWatch.portion) }) }
      #expect(await coordinator.laneNames.count == 599)
      #expect(await !coordinator.laneNames.contains("lane599"))
    }
  }

  @Test func `over a new connection all lanes are compared at once`() async throws {
    try await withWatch(lanes: 600) { watch, coordinator, _ in
      let before = try await watch.read(["lane1"])
      #expect(before?.count == 1)
      for number in [300, 599] { sink.promote("lane\(number)", knowing: 0, isNoticeable: false) }
      let found = try await watch.read(["lane1"])
      #expect(found == nil)
      #expect(await coordinator.laneNames.count == 598)
      let after = try await watch.read(["lane1"])
      #expect(after?.count == 1)
    }
  }

  @Test func `what is committed while the ledger answers is no rewind`() async throws {
    try await withWatch(lanes: 2) { watch, coordinator, _ in
      var later = try #require(await coordinator.scheduler.lanes["lane0"]?.record)
      later.cursor.position = EntryID(ms: 12, no: 0)
      later.ordinal = 12
      let record = later
      sink.state.withLock { state in
        state.meanwhile = {
          await coordinator.perform {
            $0.release(["lane0"])
            $0.acquire([record], at: .only, now: $1.now)
          }
        }
      }
      #expect(try await watch.read(["lane0", "lane1"])?.count == 2)
      #expect(await coordinator.scheduler.lanes["lane0"]?.record == record)
    }
  }

  @Test func `a mark that was not told before the ledger went back is not told any more`() async throws {
    try await withWatch(lanes: 2) { watch, coordinator, publisher in
      for number in 0..<2 {
        for _ in 0..<10 { _ = source.append("lane\(number)") }
        let record = try #require(await coordinator.scheduler.lanes["lane\(number)"]?.record)
        publisher.publish([PendingMark(record: record)])
      }
      sink.promote("lane0", knowing: 4, isNoticeable: false)
      _ = try await watch.read(["lane0", "lane1"])
      _ = await publisher.flush(.all)
      #expect(source.durable("lane0") == nil)
      #expect(source.durable("lane1") == EntryID(ms: 10, no: 0))
    }
  }

  @Test func `behind a promoted standby no mark of the ledger before it is told`() async throws {
    try await withWatch(lanes: 2) { watch, coordinator, publisher in
      for number in 0..<2 {
        for _ in 0..<10 { _ = source.append("lane\(number)") }
        let record = try #require(await coordinator.scheduler.lanes["lane\(number)"]?.record)
        publisher.publish([PendingMark(record: record)])
      }
      _ = try await watch.read(["lane0", "lane1"])
      sink.promote("lane0", knowing: 4)
      let found = try await watch.read(["lane0", "lane1"])
      #expect(found == nil)
      _ = await publisher.flush(.all)
      #expect(source.durable("lane0") == nil)
      #expect(source.durable("lane1") == nil)
    }
  }

  @Test func `a ledger that may be an older one is asked again which lanes it knows`() async throws {
    try await withWatch(lanes: 2) { watch, coordinator, _ in
      func recall() async { await coordinator.perform { state, _ in state.recalled([], of: [1], under: state.grant) } }
      var settings = HandOverTests.settings
      settings.lanes = settings.lanes.with(items: [LaneItem(streams: "lane*", start: .oldest)])
      await coordinator.perform { [settings] in $0.apply(settings, now: $1.now) }
      _ = try await watch.read(["lane0"])
      await recall()
      #expect(await coordinator.shardsToRecall == [])
      // Its connections were ended: a disk that was set back does the same.
      sink.state.withLock { $0.restarts += 1 }
      _ = try await watch.read(["lane0"])
      #expect(await coordinator.shardsToRecall == [1])
      await recall()
      sink.promote("lane1", knowing: 10)
      _ = try await watch.read(["lane0"])
      #expect(await coordinator.shardsToRecall == [1])
    }
  }
}
