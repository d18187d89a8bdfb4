import Logging
import Synchronization
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

@Suite struct LaneSealerTests {
  /// One lane with nine changes, and what Redis holds of it.
  private final class Servers: SealLedger, SealHeadStore {
    struct State {
      var through: Int64 = 0
      var missing: Int64 = 0
      var contained: Set<SealHead> = []
      var held: SealHead?
      var asked: [SealHead] = []
      var ledgerFailure: SinkError?
      var redisFailure: SourceError?
    }

    let state = Mutex(State())

    static func head(_ no: Int64) -> SealHead { SealHead(lane: "lane", throughNo: no, link: [UInt8](repeating: UInt8(no), count: 32)) }

    func sealLanes(_ lanes: [Int32], most: Int) async throws -> [SealedLane] {
      try state.withLock { state in
        if let failure = state.ledgerFailure {
          state.ledgerFailure = nil
          throw failure
        }
        state.through = min(9, state.through + 5)
        let head = Self.head(state.through)
        state.contained.insert(head)
        defer { state.missing = 0 }
        return [
          SealedLane(
            laneID: 7, throughNo: head.throughNo, link: head.link, committedAt: 12.5, isComplete: state.through == 9, missing: state.missing
          )
        ]
      }
    }

    func contains(_ heads: [SealHead]) async throws -> [Bool] {
      state.withLock { state in
        state.asked += heads
        return heads.map { state.contained.contains($0) }
      }
    }

    func heads(of lanes: [String]) async throws -> [SealHead?] {
      try state.withLock { state in
        if let failure = state.redisFailure {
          state.redisFailure = nil
          throw failure
        }
        return lanes.map { _ in state.held }
      }
    }

    func write(_ heads: [(head: SealHead, over: SealHead?)], for installation: InstallationID) async throws -> [Bool] {
      state.withLock { state in
        heads.map { head, held in
          guard state.held == held else { return false }
          state.held = head
          return true
        }
      }
    }
  }

  /// Runs the shell for a worker that owns one lane with nine changes.
  private static func run(
    _ servers: Servers, _ log: CapturedLog = CapturedLog(), until isDone: @escaping @Sendable (Servers.State) -> Bool
  ) async throws -> WorkerStatus {
    var running = RunningWorker(source: MemorySource(), sink: MemorySink())
    running.lanes = ["lane"]
    let coordinator = LaneCoordinator(settings: running.settings)
    await coordinator.perform { state, time in
      let cursor = LaneCursor(position: EntryID(ms: 9, no: 0), appliedNo: 9)
      let record = LaneRecord(
        laneID: 7, name: "lane", shard: 0, fence: 1, incarnation: 1, cursor: cursor, ordinal: 9, baseline: 0, owner: "me")
      _ = state.hold(LeaseGrant(shards: [0: 1]))
      state.acquire([record], at: .only, now: time.now)
    }
    let sealer = LaneSealer(services: SealServices(ledger: servers, heads: servers), coordinator: coordinator, logger: log.logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await sealer.run() }
      try await waitUntil("the changes are sealed") { servers.state.withLock { isDone($0) } }
      group.cancelAll()
      return await coordinator.status()
    }
  }

  @Test func `all changes of an owned lane are sealed, and the head stands in Redis`() async throws {
    let servers = Servers()
    let status = try await Self.run(servers) { $0.held == Servers.head(9) }
    // The head of the first piece was replaced because the chain contains it.
    #expect(servers.state.withLock { $0.asked } == [Servers.head(5)])
    #expect(status.lanes.first?.sealedThrough == 12.5)
  }

  @Test func `a head in Redis that the chain does not contain is kept, and reported`() async throws {
    let (servers, log) = (Servers(), CapturedLog())
    let other = SealHead(lane: "lane", throughNo: 800, link: [UInt8](repeating: 1, count: 32))
    servers.state.withLock { $0.held = other }
    _ = try await Self.run(servers, log) { _ in !log.lines("seal.contradicted").isEmpty }
    #expect(servers.state.withLock { $0.held } == other)
    #expect(log.lines("seal.contradicted").first?.metadata["lane"] == "lane")
  }

  @Test func `changes that were gone before they were sealed are reported`() async throws {
    let (servers, log) = (Servers(), CapturedLog())
    servers.state.withLock { $0.missing = 3 }
    _ = try await Self.run(servers, log) { $0.held == Servers.head(9) }
    #expect(log.lines("seal.missing").map { $0.metadata["count"] } == ["3"])
  }

  @Test func `a failure of either server delays seals, and ends nothing`() async throws {
    let (servers, log) = (Servers(), CapturedLog())
    servers.state.withLock {
      $0.ledgerFailure = SinkError(.fault(.ambiguous), "it was too much")
      $0.redisFailure = SourceError(.misconfigured, "it may not be read")
    }
    _ = try await Self.run(servers, log) { $0.held == Servers.head(9) }
    #expect(log.lines("seals.waiting").count == 1 && log.lines("seals.current").count == 1)
    #expect(log.lines("seal_heads.waiting").count == 1 && log.lines("seal_heads.current").count == 1)
  }
}
