import Logging
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct MarkPublisherTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  /// A publisher whose lanes `a` and `b` are both at the north; the south takes the marks of `a`.
  private func withPublisher(_ body: @Sendable (MarkPublisher, MemorySource) async throws -> Void) async throws {
    let source = MemorySource()
    source.place("a", at: north, marks: south)
    source.place("b", at: north, marks: north)
    for _ in 0..<5 {
      _ = source.append("a")
      _ = source.append("b")
    }
    let coordinator = LaneCoordinator(settings: HandOverTests.settings)
    let shards = ["a", "b"].map { Shard.of($0, builtIn: nil) }
    _ = await coordinator.hold(LeaseGrant(shards: Dictionary(uniqueKeysWithValues: Set(shards).map { ($0, 1) })))
    await coordinator.own(zip(["a", "b"], shards).map { HandOverTests.record($0, shard: $1) }, at: north)
    let publisher = MarkPublisher(
      source: source, inspector: LaneInspector(source: source, routes: RouteTable()), coordinator: coordinator,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { await publisher.run() }
      try await body(publisher, source)
      tasks.cancelAll()
    }
  }

  private func mark(_ lane: String, _ ms: UInt64) -> DurableMark {
    DurableMark(lane: lane, durable: EntryID(ms: ms, no: 0), incarnation: 1, rejected: [])
  }

  @Test func `a mark that another server takes than its lane's is told`() async throws {
    try await withPublisher { publisher, source in
      publisher.publish([mark("a", 5), mark("b", 6)])
      try await waitUntil("both are told") { source.durable("a") == EntryID(ms: 5, no: 0) && source.durable("b") == EntryID(ms: 6, no: 0) }
    }
  }

  @Test func `a server that does not take its marks keeps no other's waiting, also not of lanes of the same place`() async throws {
    try await withPublisher { publisher, source in
      source.silence(south)
      publisher.publish([mark("a", 5)])
      try await waitUntil("the south is told") { !source.waiting.isEmpty }
      for ms: UInt64 in 6...7 {
        publisher.publish([mark("a", ms), mark("b", ms)])
        try await waitUntil("the north has it") { source.durable("b") == EntryID(ms: ms, no: 0) }
      }
      #expect(source.durable("a") == nil)
    }
  }

  @Test func `marks wait where another server stands that lacks what they speak of`() async throws {
    try await withPublisher { publisher, source in
      source.place("a", at: north, marks: north)
      publisher.publish([mark("a", 5), mark("b", 5)])
      try await waitUntil("both are told") { source.durable("a") != nil && source.durable("b") != nil }
      source.failOver("a", to: [EntryID(ms: 1, no: 0), EntryID(ms: 4, no: 1)])
      _ = try await source.read(LaneReadRequest(positions: [], count: 1, block: nil, budget: nil, maxEntryBytes: 1))
      publisher.publish([mark("a", 6), mark("b", 6)])
      try await waitUntil("the one is told") { source.durable("b") == EntryID(ms: 6, no: 0) }
      #expect(source.durable("a") == EntryID(ms: 5, no: 0))
      // What is told waits for what comes, not for another commit.
      source.failOver("a", to: (1...6).map { EntryID(ms: $0, no: 0) })
      _ = try await source.read(LaneReadRequest(positions: [], count: 1, block: nil, budget: nil, maxEntryBytes: 1))
      try await waitUntil("the other is told") { source.durable("a") == EntryID(ms: 6, no: 0) }
    }
  }
}
