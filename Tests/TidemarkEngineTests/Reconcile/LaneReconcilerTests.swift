import Logging
import Metrics
import Synchronization
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct LaneReconcilerTests {
  /// One lane, whose changes are given.
  private final class Ledger: ReconciliationLedger, ChangeRepairer {
    struct State {
      var changes: [StoredChange] = []
      var verified = EntryID.zero
      var recorded: [ReconciledRange] = []
      var traces: [EntryID: EntryTrace] = [:]
      var isFenced = false
      var reads = 0
      /// What happens before the changes are read another time.
      var meanwhile: (@Sendable (inout State) -> Void)?
      var repaired: [Int64] = []
    }

    let state = Mutex(State())

    func verifiedLanes(_ lanes: [Int32]) async throws -> [VerifiedLane] {
      state.withLock { state in
        lanes.map { VerifiedLane(laneID: $0, incarnation: 1, began: .zero, through: state.verified) }
      }
    }

    func contents(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> LaneContents? {
      state.withLock { state in
        let found = state.changes.filter { range.contains($0.id) }.prefix(limit)
        return LaneContents(
          changes: found.count, last: found.last?.id, digest: RangeDigest(of: found.map { ($0.id, $0.digest ?? .none) }), fence: 1,
          incarnation: 1, furthestBefore: .zero)
      }
    }

    func changes(of lane: Int32, in range: EntryRange, session: String?, limit: Int) async throws -> [StoredChange] {
      state.withLock { state in
        defer {
          state.reads += 1
          let meanwhile = state.meanwhile
          state.meanwhile = nil
          meanwhile?(&state)
        }
        return Array(state.changes.filter { range.contains($0.id) }.prefix(limit))
      }
    }

    func traces(of entries: [ExpectedEntry], in lane: Int32) async throws -> [EntryTrace] {
      state.withLock { state in entries.map { state.traces[$0.id] ?? EntryTrace() } }
    }

    func record(_ range: ReconciledRange) async throws -> [Divergence] {
      try state.withLock { state in
        if state.isFenced { throw SinkError(.fenced([range.lane]), "fenced") }
        state.recorded.append(range)
        state.verified = range.range.through
        return range.divergences
      }
    }

    func missingEntries(
      of lane: String, session: String?, after number: Int64, limit: Int
    ) async throws -> [(number: Int64, entry: EntryID)] {
      state.withLock { state in
        let missing = state.recorded.flatMap(\.divergences).filter { $0.kind == .missingInPostgres }.compactMap(\.entries?.lowerBound)
        return missing.enumerated().map { (Int64($0.offset + 1), $0.element) }.filter { $0.0 > number && !state.repaired.contains($0.0) }
      }
    }

    func repair(
      lane: String, _ numbers: [Int64], make: @Sendable (LaneRecord, [Int64]) -> ChangeBatch
    ) async throws -> [Int64: LateEntryOutcome]? {
      let batch = make(LaneReconcilerTests.record(through: 9), numbers)
      return state.withLock { state in
        state.repaired += numbers
        #expect(batch.entries.count == numbers.count)
        return Dictionary(uniqueKeysWithValues: numbers.map { ($0, .applied) })
      }
    }
  }

  private static func settings(_ repair: ReconciliationLimits.Repair) -> WorkerSettings {
    WorkerSettings(
      flow: FlowLimits(
        maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltBackoff: .milliseconds(20)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false), retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)),
      lanes: LaneCatalog(prefix: "tidemark", partitions: nil, items: [LaneItem(streams: "lane", start: .oldest)]), writers: 1,
      discover: .seconds(1), leaseTTL: .seconds(10), checkpointInterval: .seconds(3_600),
      retention: RetentionLimits(dedupeWindow: .seconds(60)),
      reconciliation: ReconciliationLimits(interval: .milliseconds(10), rate: 1_000_000, repair: repair))
  }

  private static func record(through ms: UInt64) -> LaneRecord {
    LaneRecord(
      laneID: 7, name: "lane", shard: 0, fence: 1, incarnation: 1,
      cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: Int64(ms)), ordinal: ms, baseline: 0, owner: "me")
  }

  /// A stream of messages, and a ledger that has all of them.
  private static func filled(_ count: Int) async throws -> (MemorySource, Ledger, [StoredChange]) {
    let (source, ledger) = (MemorySource(), Ledger())
    for _ in 0..<count { _ = source.append("lane") }
    let request = LaneReadRequest(
      positions: [.init(lane: "lane", after: .zero)], count: count, block: nil, budget: nil, maxEntryBytes: 1 << 20)
    guard case .entries(let block) = try await source.read(request) else { throw ServerError(.misuse, "nothing was read") }
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: false))
    builder.append(lane: record(through: 9), partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<count)])
    let changes = ExpectedEntry.all(of: builder.finish()).map { StoredChange(id: $0.id, digest: $0.digest, session: $0.session) }
    ledger.state.withLock { $0.changes = changes }
    return (source, ledger, changes)
  }

  /// Runs the shell for a worker that owns one lane.
  private static func run(
    _ source: MemorySource, _ ledger: Ledger, through ms: UInt64, repair: ReconciliationLimits.Repair = .none,
    _ log: CapturedLog = CapturedLog(), until isDone: @escaping @Sendable (LaneCoordinator) async -> Bool
  ) async throws {
    let coordinator = LaneCoordinator(settings: settings(repair))
    await coordinator.perform { state, time in
      _ = state.hold(LeaseGrant(shards: [0: 1]))
      state.acquire([record(through: ms)], at: .only, now: time.now)
    }
    let reconciler = LaneReconciler(
      services: ReconciliationServices(source: source, ledger: ledger, repairer: ledger), routes: RouteTable.builtIn,
      coordinator: coordinator, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance), logger: log.logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await reconciler.run() }
      try await waitUntil("it is so") { await isDone(coordinator) }
      group.cancelAll()
    }
  }

  @Test func `a lane is verified up to its cursor and not beyond it, and the worker knows`() async throws {
    let (source, ledger, _) = try await Self.filled(9)
    let log = CapturedLog()
    try await Self.run(source, ledger, through: 5, log) { await $0.status().lanes.first?.verified == EntryID(ms: 5, no: 0) }
    let recorded = ledger.state.withLock { $0.recorded }
    #expect(recorded.allSatisfy { $0.divergences.isEmpty && $0.range.through <= EntryID(ms: 5, no: 0) })
    #expect(recorded.first?.fence == 1)
    #expect(log.lines("divergences.found").isEmpty)
  }

  @Test func `what is different is recorded with its range, and told once`() async throws {
    let (source, ledger, _) = try await Self.filled(9)
    ledger.state.withLock { state in
      state.changes.remove(at: 3)
      state.changes[5].digest = ContentDigest(high: 1, low: 1)
    }
    let log = CapturedLog()
    try await Self.run(source, ledger, through: 9, log) { _ in !log.lines("divergences.found").isEmpty }
    let found = ledger.state.withLock { $0.recorded.flatMap(\.divergences) }
    #expect(found.map(\.kind) == [.missingInPostgres, .differentInPostgres])
    #expect(found.map(\.subject) == ["4-0", "7-0"])
    let line = try #require(log.lines("divergences.found").first)
    #expect(line.metadata["count"] == "2")
    #expect(line.metadata["kinds"] == "different_in_postgres 1, missing_in_postgres 1")
    #expect(line.metadata["lanes"] == "lane")
  }

  @Test func `a difference that is gone when it is looked at again is not reported`() async throws {
    let (source, ledger, changes) = try await Self.filled(9)
    ledger.state.withLock { state in
      state.changes.remove(at: 3)
      state.meanwhile = { $0.changes = changes }
    }
    try await Self.run(source, ledger, through: 9) { _ in ledger.state.withLock { $0.verified == EntryID(ms: 9, no: 0) } }
    ledger.state.withLock { state in
      #expect(state.recorded.allSatisfy { $0.divergences.isEmpty })
      #expect(state.reads >= 1)
    }
  }

  @Test func `of a stream that may be another one nothing is reported`() async throws {
    let (source, ledger, _) = try await Self.filled(9)
    ledger.state.withLock { state in _ = state.changes.remove(at: 3) }
    let log = CapturedLog()
    // Its stream has fewer entries than were read.
    try await Self.run(source, ledger, through: 20, log) { _ in ledger.state.withLock { $0.reads >= 1 } }
    #expect(ledger.state.withLock { $0.recorded.flatMap(\.divergences) } == [])
  }

  @Test func `a lane that is another worker's by now is no failure`() async throws {
    let (source, ledger, _) = try await Self.filled(9)
    ledger.state.withLock { $0.isFenced = true }
    let log = CapturedLog()
    try await Self.run(source, ledger, through: 9, log) { _ in ledger.state.withLock { $0.recorded.isEmpty } }
    #expect(log.lines("reconciliation.waiting").isEmpty)
  }

  @Test func `what is missing is applied again where the settings say so`() async throws {
    let (source, ledger, _) = try await Self.filled(9)
    ledger.state.withLock { state in _ = state.changes.remove(at: 3) }
    let log = CapturedLog()
    try await Self.run(source, ledger, through: 9, repair: .missing, log) { _ in !log.lines("divergences.repaired").isEmpty }
    #expect(ledger.state.withLock { $0.repaired } == [1])
    #expect(log.lines("divergences.repaired").first?.metadata["count"] == "1")
  }
}
