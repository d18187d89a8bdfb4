import Logging
import Testing
import TidemarkCore

@testable import TidemarkEngine

@Suite struct EventIDPrunerTests {
  private static let now: UInt64 = 10_000_000_000
  private static let window: Int64 = 86_400_000

  private static func pruner(_ source: any LaneSource, _ sink: MemorySink) -> EventIDPruner {
    let settings = WorkerSettings(
      flow: FlowLimits(
        maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltBackoff: .milliseconds(20)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)), builtIn: nil, lanes: [], writers: 2, discover: .seconds(1),
      leaseTTL: .seconds(10), checkpointInterval: .seconds(3_600), dedupeWindow: .seconds(86_400))
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    return EventIDPruner(source: source, sink: sink, coordinator: LaneCoordinator(settings: settings), logger: logger)
  }

  private static func servers() async throws -> (MemorySource, MemorySink) {
    let (source, sink) = (MemorySource(), MemorySink())
    for lane in ["a", "b"] { _ = source.append(lane) }
    source.setClock(now)
    sink.state.withLock { $0.milliseconds = Int64(now) + 5 }
    try await sink.register(["a", "b"].map { NewLane(name: $0, shard: 0, position: EntryID(ms: 1, no: 0), baseline: 1) })
    return (source, sink)
  }

  @Test func `a sweep goes on until it has been everywhere, and never by the faster clock`() async throws {
    let (source, sink) = try await Self.servers()
    try await Self.pruner(source, sink).sweep()
    let horizon = Int64(Self.now) - Self.window - 60_000
    let forgotten = sink.state.withLock { $0.forgotten }
    #expect(forgotten.map(\.ranges) == Array(repeating: [0..<horizon], count: 4))
    #expect(
      forgotten.map(\.place) == [.first, .init(isEarlier: true, page: 2), .latest, .init(isEarlier: false, page: 2)])
    source.setClock(Self.now + 10)
    #expect(try await Self.pruner(source, sink).forgettable() == [0..<horizon + 5])
  }

  @Test func `lanes that wait hold back, whoever owns them, and so do those whose server does not answer`() async throws {
    let (source, sink) = try await Self.servers()
    let pruner = Self.pruner(source, sink)
    // In memory each id is one millisecond after the one before.
    _ = source.append("b")
    #expect(try await pruner.forgettable() == [2 + Self.window..<Int64(Self.now) - Self.window - 60_000])
    source.setAway(true)
    #expect(try await pruner.forgettable().isEmpty)
    try await pruner.sweep()
    #expect(sink.state.withLock { $0.forgotten.isEmpty })
  }
}
