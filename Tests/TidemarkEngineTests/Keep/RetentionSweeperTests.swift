import Logging
import Metrics
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct RetentionSweeperTests {
  private static let now: UInt64 = 10_000_000_000
  private static let window: Int64 = 86_400_000

  private static func settings(checkpoints: Duration = .seconds(86_400)) -> WorkerSettings {
    WorkerSettings(
      flow: FlowLimits(
        maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltBackoff: .milliseconds(20)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)), lanes: LaneCatalog(prefix: "tidemark", partitions: nil),
      writers: 2,
      discover: .seconds(1), leaseTTL: .seconds(10), checkpointInterval: .seconds(3_600),
      retention: RetentionLimits(checkpoints: checkpoints, dedupeWindow: .seconds(86_400)))
  }

  private static func sweeper(_ source: any LaneSource, _ sink: MemorySink, _ log: CapturedLog = CapturedLog()) -> RetentionSweeper {
    RetentionSweeper(
      source: source, sink: sink, coordinator: LaneCoordinator(settings: settings()),
      metrics: EngineMetrics(factory: NOOPMetricsHandler.instance), logger: log.logger)
  }

  private static func servers() async throws -> (MemorySource, MemorySink) {
    let (source, sink) = (MemorySource(), MemorySink())
    for lane in ["a", "b"] { _ = source.append(lane) }
    source.setClock(now)
    sink.state.withLock { $0.milliseconds = Int64(now) + 5 }
    try await sink.register(["a", "b"].map { NewLane(name: $0, shard: 0, position: EntryID(ms: 1, no: 0), baseline: 1) })
    return (source, sink)
  }

  @Test func `producers' ids are never forgotten by the faster clock`() async throws {
    let (source, sink) = try await Self.servers()
    let horizon = Int64(Self.now) - Self.window - 60_000
    #expect(try await Self.sweeper(source, sink).rule(for: .eventIDs) == .eventIDs([0..<horizon]))
    source.setClock(Self.now + 10)
    #expect(try await Self.sweeper(source, sink).rule(for: .eventIDs) == .eventIDs([0..<horizon + 5]))
  }

  @Test func `lanes that wait hold back, whoever owns them, and so do those whose server does not answer`() async throws {
    let (source, sink) = try await Self.servers()
    let sweeper = Self.sweeper(source, sink)
    // In memory each id is one millisecond after the one before.
    _ = source.append("b")
    #expect(
      try await sweeper.rule(for: .eventIDs) == .eventIDs([2 + Self.window..<Int64(Self.now) - Self.window - 60_000]))
    source.setAway(true)
    #expect(try await sweeper.rule(for: .eventIDs) == .eventIDs([]))
  }

  @Test func `dead letters go as far as the streams hold nothing of them, and none of a lane that nobody can inspect`() async throws {
    let (source, sink) = try await Self.servers()
    let sweeper = Self.sweeper(source, sink)
    sink.state.withLock { $0.lanesOfLetters = ["gone", "a"] }
    let kept = Duration.seconds(90 * 86_400)
    #expect(
      try await sweeper.rule(for: .deadLetters)
        == .deadLetters(
          kept: kept, lanes: [LetterLane(name: "a", firstHeld: EntryID(ms: 1, no: 0)), LetterLane(name: "gone", firstHeld: nil)]))
    source.refuse("a", SourceError(.laneRefused("WRONGTYPE"), "no stream"))
    #expect(try await sweeper.rule(for: .deadLetters) == .deadLetters(kept: kept, lanes: [LetterLane(name: "gone", firstHeld: nil)]))
    source.setAway(true)
    #expect(try await sweeper.rule(for: .deadLetters) == .deadLetters(kept: kept, lanes: []))
  }

  /// Runs a sweeper whose checkpoints were to be kept for another time when it began: it sweeps them at once.
  private static func sweepCheckpoints(_ sweeper: RetentionSweeper, until isDone: @escaping @Sendable () -> Bool) async throws {
    await sweeper.coordinator.perform { state, _ in _ = state.hold(LeaseGrant(shards: [RetentionSweeper.shard: 1])) }
    let before = RetentionLimits(checkpoints: .seconds(1_000_000), dedupeWindow: .seconds(86_400))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await sweeper.run(RetentionPlan(limits: before, now: .now)) }
      try await waitUntil("the sweep is over", condition: isDone)
      group.cancelAll()
    }
  }

  @Test func `a change of the settings is followed at once, piece by piece, and one line says what went`() async throws {
    let (source, sink) = try await Self.servers()
    let log = CapturedLog()
    let sweeper = Self.sweeper(source, sink, log)
    sink.state.withLock {
      $0.pieces[.checkpoints] = [RetentionPiece(removed: 3, next: RetentionPlace("x")), RetentionPiece(removed: 4, next: nil)]
    }
    try await Self.sweepCheckpoints(sweeper) { !log.lines("retention.removed").isEmpty }
    let removals = sink.state.withLock { $0.removals }
    #expect(removals.prefix(2).map(\.place) == [nil, RetentionPlace("x")])
    #expect(log.lines("retention.removed").first?.metadata["rows"] == "7")
    #expect(log.lines("retention.removed").first?.metadata["table"] == "checkpoints")
  }

  @Test func `what can't be removed is said once`() async throws {
    let (source, sink) = try await Self.servers()
    let log = CapturedLog()
    let sweeper = Self.sweeper(source, sink, log)
    sink.state.withLock { $0.irremovable[.checkpoints] = SinkError(.fault(.configuration), "permission denied") }
    try await Self.sweepCheckpoints(sweeper) { !log.lines("retention.waiting").isEmpty }
    #expect(log.lines("retention.waiting").map { $0.metadata["table"] } == ["checkpoints"])
    #expect(log.lines("retention.removed").isEmpty)
  }
}
