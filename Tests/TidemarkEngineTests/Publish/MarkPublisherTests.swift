import Logging
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct MarkPublisherTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  /// A publisher whose lanes `a` and `b` are both at the north; the south takes the marks of `a`.
  private func withPublisher(_ body: @Sendable (MarkPublisher, MemorySource, LaneCoordinator) async throws -> Void) async throws {
    let source = MemorySource()
    source.place("a", at: north, marks: south)
    source.place("b", at: north, marks: north)
    for _ in 0..<5 {
      _ = source.append("a")
      _ = source.append("b")
    }
    let coordinator = LaneCoordinator(settings: HandOverTests.settings)
    let shards = ["a", "b"].map { Shard.of($0) }
    await coordinator.perform { [north] in
      _ = $0.hold(LeaseGrant(shards: Dictionary(uniqueKeysWithValues: Set(shards).map { ($0, 1) })))
      $0.acquire(zip(["a", "b"], shards).map { HandOverTests.record($0, shard: $1) }, at: north, now: $1.now)
    }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let inspector = LaneInspector(source: source, refusals: LaneRefusals(clock: SystemClock(), logger: logger))
    let publisher = MarkPublisher(source: source, inspector: inspector, coordinator: coordinator, logger: logger)
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { await publisher.run() }
      try await body(publisher, source, coordinator)
      tasks.cancelAll()
    }
  }

  /// The lane as it was committed up to an entry.
  private func mark(_ lane: String, _ ms: UInt64) -> PendingMark {
    var record = HandOverTests.record(lane, shard: Shard.of(lane))
    record.cursor.position = EntryID(ms: ms, no: 0)
    return PendingMark(record: record)
  }

  @Test func `a mark that another server takes than its lane's is told`() async throws {
    try await withPublisher { publisher, source, _ in
      publisher.publish([mark("a", 5), mark("b", 6)])
      try await waitUntil("both are told") { source.durable("a") == EntryID(ms: 5, no: 0) && source.durable("b") == EntryID(ms: 6, no: 0) }
    }
  }

  @Test func `a server that does not take its marks keeps no other's waiting, also not of lanes of the same place`() async throws {
    try await withPublisher { publisher, source, _ in
      source.silence(south)
      publisher.publish([mark("a", 5)])
      try await waitUntil("the south is told") { !source.waiting.isEmpty }
      for ms: UInt64 in 6...7 {
        publisher.publish([mark("a", ms), mark("b", ms)])
        try await waitUntil("the north has it", within: .seconds(60)) { source.durable("b") == EntryID(ms: ms, no: 0) }
      }
      #expect(source.durable("a") == nil)
    }
  }

  @Test func `marks wait where another server stands that lacks what they speak of`() async throws {
    try await withPublisher { publisher, source, _ in
      source.place("a", at: north, marks: north)
      publisher.publish([mark("a", 5), mark("b", 5)])
      try await waitUntil("both are told") { source.durable("a") != nil && source.durable("b") != nil }
      source.failOver("a", to: [EntryID(ms: 1, no: 0), EntryID(ms: 4, no: 1)])
      _ = try await source.read(LaneReadRequest(positions: [], count: 1, block: nil, budget: nil, maxEntryBytes: 1))
      for ms: UInt64 in 6...7 {
        publisher.publish([mark("a", 6), mark("b", ms)])
        try await waitUntil("the one is told") { source.durable("b") == EntryID(ms: ms, no: 0) }
      }
      #expect(source.durable("a") == EntryID(ms: 5, no: 0))
      // What is told waits for what comes, not for another commit.
      source.failOver("a", to: (1...6).map { EntryID(ms: $0, no: 0) })
      _ = try await source.read(LaneReadRequest(positions: [], count: 1, block: nil, budget: nil, maxEntryBytes: 1))
      try await waitUntil("the other is told") { source.durable("a") == EntryID(ms: 6, no: 0) }
    }
  }

  @Test func `a server that lost its data over the same connection gets no mark, unless the lane is as it was read`() async throws {
    try await withPublisher { publisher, source, _ in
      for lane in ["a", "b"] { source.place(lane, at: north, marks: north) }
      publisher.publish([mark("a", 5), mark("b", 5)])
      try await waitUntil("both are told") { source.durable("a") != nil && source.durable("b") != nil }
      // Of the one all is lost, of the other only its mark.
      source.delete("a")
      source.forgetMark(of: "a")
      source.forgetMark(of: "b")
      for ms: UInt64 in 6...7 {
        publisher.publish([mark("a", ms), mark("b", ms)])
        try await waitUntil("the one is told") { source.durable("b") == EntryID(ms: ms, no: 0) }
      }
      #expect(source.durable("a") == nil)
    }
  }

  @Test func `a mark waits where what was read is missing, though what was committed is there`() async throws {
    try await withPublisher { publisher, source, coordinator in
      source.place("a", at: north, marks: north)
      // Up to 7 it is read, to 5 committed; whoever took over has six.
      for ms: UInt64 in 6...7 {
        let after = LaneReadRequest.Position(lane: "a", after: EntryID(ms: ms - 1, no: 0))
        let request = LaneReadRequest(positions: [after], count: 1, block: nil, budget: nil, maxEntryBytes: 1 << 20)
        await coordinator.perform { $0.received(EntryBlock(id: EntryID(ms: ms, no: 0), raw: [[1], [2]]), for: request, now: $1.now) }
      }
      try #require(await coordinator.scheduler.lanes["a"]?.readPosition == EntryID(ms: 7, no: 0))
      _ = source.append("a")
      publisher.publish([mark("a", 5), mark("b", 5)])
      try await waitUntil("the one is told") { source.durable("b") == EntryID(ms: 5, no: 0) }
      #expect(source.durable("a") == nil)
    }
  }

  @Test func `a lane's last mark is told with its dead letters, also when it is not ours any more`() async throws {
    try await withPublisher { publisher, source, coordinator in
      source.place("a", at: north, marks: north)
      await coordinator.perform { state, _ in state.release(["a"]) }
      var last = mark("a", 5)
      last.rejected = [.init(id: EntryID(ms: 4, no: 0), reason: "bad_json")]
      publisher.publish([last, mark("b", 5)])
      try await waitUntil("both are told") { source.durable("a") != nil && source.durable("b") != nil }
    }
  }

  @Test func `the marks of a server that holds no lane of ours any more are told as well`() async throws {
    try await withPublisher { publisher, source, coordinator in
      source.place("a", at: south, marks: south)
      await coordinator.perform { state, _ in state.release(["a"]) }
      #expect(await !coordinator.servers.contains(south))
      var last = mark("a", 5)
      last.isGone = true
      publisher.publish([last])
      try await waitUntil("nothing waits") { publisher.waitingLanes.isEmpty }
    }
  }
}
