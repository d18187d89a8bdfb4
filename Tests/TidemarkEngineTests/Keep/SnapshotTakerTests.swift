import Logging
import Metrics
import Synchronization
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct SnapshotTakerTests {
  /// One lane whose sessions have a change each.
  private final class Ledger: SnapshotLedger {
    struct State {
      var progress: [Int32: EntryID] = [:]
      var changes: [ChangedSession] = []
      var types: [String] = []
      var taken: [SnapshotOrder] = []
      var failing: Set<String> = []
    }

    let state = Mutex(State())

    func snapshotProgress(of lanes: [Int32]) async throws -> [Int32: EntryID] {
      state.withLock { state in state.progress.filter { lanes.contains($0.key) } }
    }

    func recordSnapshotProgress(_ progress: [Int32: EntryID]) async throws {
      state.withLock { $0.progress.merge(progress) { $1 } }
    }

    func changedSessions(of lane: Int32, after entry: EntryID, types: [String], rows: Int) async throws -> [ChangedSession] {
      state.withLock { state in
        state.types = types
        return state.changes.filter { $0.last > entry }
      }
    }

    func takeSnapshots(_ orders: [SnapshotOrder]) async throws -> Int {
      try state.withLock { state in
        if orders.contains(where: { state.failing.contains($0.session) }) { throw SinkError(.fault(.ambiguous), "too large") }
        state.taken += orders
        return orders.count
      }
    }
  }

  private static func settings() -> WorkerSettings {
    WorkerSettings(
      flow: FlowLimits(
        maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltBackoff: .milliseconds(20)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false), retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)),
      lanes: LaneCatalog(prefix: "tidemark", partitions: nil, items: [LaneItem(streams: "lane", start: .oldest)]), writers: 1,
      discover: .seconds(1), leaseTTL: .seconds(10),
      checkpointInterval: .seconds(3_600), retention: RetentionLimits(dedupeWindow: .seconds(60)),
      snapshots: SnapshotPolicy(everyChanges: 3, every: .seconds(3_600), types: ["session.ended"]))
  }

  private static func changes(_ session: String, _ count: Int, last: UInt64) -> ChangedSession {
    ChangedSession(
      session: session, total: count, changes: count, first: EntryID(ms: 1, no: 0), last: EntryID(ms: last, no: 0))
  }

  /// Runs the shell for a worker that owns one lane, which stands at 9-0.
  private static func run(_ ledger: Ledger, _ log: CapturedLog = CapturedLog(), until isDone: @escaping @Sendable () -> Bool) async throws {
    let coordinator = LaneCoordinator(settings: settings())
    await coordinator.perform { state, time in
      let cursor = LaneCursor(position: EntryID(ms: 9, no: 0), appliedNo: 9)
      let record = LaneRecord(
        laneID: 7, name: "lane", shard: 0, fence: 1, incarnation: 1, cursor: cursor, ordinal: 9, baseline: 0, owner: "me")
      _ = state.hold(LeaseGrant(shards: [0: 1]))
      state.acquire([record], at: .only, now: time.now)
    }
    let taker = SnapshotTaker(
      ledger: ledger, coordinator: coordinator, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance), logger: log.logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await taker.run() }
      try await waitUntil("the snapshots are taken", condition: isDone)
      group.cancelAll()
    }
  }

  @Test func `sessions of owned lanes that changed enough get a snapshot`() async throws {
    let ledger = Ledger()
    ledger.state.withLock { $0.changes = [Self.changes("a", 3, last: 8), Self.changes("b", 2, last: 9)] }
    try await Self.run(ledger) { ledger.state.withLock { !$0.taken.isEmpty } }
    ledger.state.withLock { state in
      #expect(state.taken == [SnapshotOrder(lane: 7, session: "a", entry: EntryID(ms: 8, no: 0), reason: .changes)])
      #expect(state.types == ["session.ended", "snapshot.requested"])
    }
  }

  @Test func `a session whose snapshot fails alone is named`() async throws {
    let ledger = Ledger()
    let log = CapturedLog()
    ledger.state.withLock {
      $0.changes = [Self.changes("a", 3, last: 8)]
      $0.failing = ["a"]
    }
    try await Self.run(ledger, log) { !log.lines("snapshot.failed").isEmpty }
    #expect(log.lines("snapshot.failed").first?.metadata["session"] == "a")
  }
}
