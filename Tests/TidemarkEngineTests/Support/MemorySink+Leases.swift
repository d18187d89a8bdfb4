import Synchronization
import TidemarkCore

@testable import TidemarkEngine

extension MemorySink {
  /// Transactions of this lane do not come to an end until it is let go.
  func stick(_ lane: String) { state.withLock { _ = $0.stuck.insert(lane) } }

  /// The lanes of which a transaction has begun that does not come to an end.
  var stuckCommits: Set<String> { state.withLock { $0.stuckCommits } }

  func letGo(_ lane: String) {
    state.withLock { _ = $0.stuck.remove(lane) }
    unstuck.raise()
  }

  func waitWhileStuck(_ lanes: [String]) async {
    while !Task.isCancelled {
      let seen = unstuck.generation
      let isStuck = state.withLock { state in
        guard !state.stuck.isDisjoint(with: lanes) else { return false }
        state.stuckCommits.formUnion(lanes)
        return true
      }
      guard isStuck else { return }
      await unstuck.wait(after: seen)
    }
  }

  func owner(of lane: String) -> String? { state.withLock { $0.lanes[lane]?.owner } }

  func fence(of lane: String) -> Int64? { state.withLock { $0.lanes[lane]?.fence } }

  func canServe(_ worker: String) -> Bool? { state.withLock { $0.workers[worker] } }

  func lanesWhenUnable(_ worker: String) -> Set<String>? { state.withLock { $0.lanesWhenUnable[worker] } }

  /// Shards that each worker holds.
  var parts: [String: Int] {
    state.withLock { state in
      Dictionary(grouping: state.holders.values.compactMap(\.worker)) { $0 }.mapValues(\.count)
    }
  }

  func renew(_ worker: WorkerIdentity, canServe: Bool, for ttl: Duration) async throws -> LeaseGrant {
    if let outage = state.withLock({ $0.outage }) { throw outage }
    let (grant, isNews) = state.withLock { state in
      let before = state.workers.updateValue(canServe, forKey: worker.name)
      if !canServe, before != false {
        state.lanesWhenUnable[worker.name] = Set(state.lanes.filter { $0.value.owner == worker.name }.keys)
      }
      return (LeaseGrant(shards: state.holders.filter { $0.value.worker == worker.name }.mapValues(\.fence)), before != canServe)
    }
    if isNews { told.raise() }
    return grant
  }

  func note(notInForce settings: String?, tuningRefused: String?, of worker: WorkerIdentity) async throws {
    state.withLock {
      $0.notInForce[worker.name] = settings
      $0.tuningRefused[worker.name] = tuningRefused
    }
  }

  func notInForce(_ worker: String) -> String? { state.withLock { $0.notInForce[worker] } }

  func leases(within ttl: Duration) async throws -> LeaseTable {
    state.withLock { state in
      let busy = Set(state.lanes.values.map(\.shard))
      return LeaseTable(
        shards: (0..<Shard.count).map { shard in
          let holder = state.holders[shard]?.worker
          return ShardLease(shard: shard, holder: holder, isFree: holder == nil, hasLanes: busy.contains(shard))
        }, workers: state.workers.map { LiveWorker(name: $0, canServe: $1) })
    }
  }

  func take(_ shards: [Int], for worker: WorkerIdentity, ttl: Duration) async throws -> LeaseGrant {
    state.withLock { state in
      var grant = LeaseGrant()
      for shard in shards where state.holders[shard]?.worker == nil {
        let fence = (state.holders[shard]?.fence ?? 0) + 1
        state.holders[shard] = Holder(worker: worker.name, fence: fence)
        grant.shards[shard] = fence
        for (name, lane) in state.lanes where lane.shard == shard {
          state.lanes[name]?.owner = worker.name
          state.lanes[name]?.fence += 1
        }
      }
      return grant
    }
  }

  func release(_ shards: [Int], of worker: WorkerIdentity) async throws {
    state.withLock { state in
      for shard in shards where state.holders[shard]?.worker == worker.name {
        state.holders[shard]?.worker = nil
        for (name, lane) in state.lanes where lane.shard == shard { state.lanes[name]?.owner = nil }
      }
    }
    told.raise()
  }

  func leave(_ worker: WorkerIdentity) async throws {
    state.withLock { _ = $0.workers.removeValue(forKey: worker.name) }
    try await release(Array(0..<Shard.count), of: worker)
  }

  func makeLeaseNews() throws -> any LeaseNews { MemoryNews(told: told) }

  func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord] {
    state.withLock { state in
      lanes.compactMap { name in
        guard let lane = state.lanes[name], state.holders[lane.shard]?.worker == worker.name else { return nil }
        state.lanes[name]?.owner = worker.name
        state.lanes[name]?.fence += 1
        return state.lanes[name]
      }
    }
  }

  /// The row of a lane says that it is nobody's, though its shard is somebody's.
  func orphan(_ lane: String) {
    state.withLock { state in
      state.lanes[lane]?.owner = nil
      state.lanes[lane]?.fence += 1
    }
  }
}

private actor MemoryNews: LeaseNews {
  private let told: ChangeSignal
  private var seen: UInt64?

  init(told: ChangeSignal) {
    self.told = told
  }

  func next() async throws {
    if let seen { await told.wait(after: seen) }
    try Task.checkCancellation()
    seen = told.generation
  }

  func close() async {}
}
