import Testing

@testable import TidemarkCore

@Suite struct RedisReachabilityTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  private func second(_ number: Int) -> ContinuousClock.Instant { epoch.advanced(by: .seconds(number)) }

  /// A worker with a lane at each of two servers.
  private func worker() -> WorkerState {
    var state = WorkerState.owning(["a"], at: north)
    state.grant.shards[Shard.of("b")] = 1
    state.acquire([.owned("b")], at: south, now: epoch)
    _ = state.takeEffects()
    return state
  }

  @Test func `Redis is away only while no server with owned lanes can be reached, since the last one went away`() {
    var state = worker()
    #expect(state.effects { $0.asked(north, failed: "n", isAway: true, now: epoch) }.signals == [])
    #expect(state.timeWithoutRedis(now: second(9)) == .zero && state.redisError == "n")
    let effects = state.effects { $0.asked(south, failed: "s", isAway: true, now: second(2)) }
    #expect(effects.signals == .leases)
    #expect(state.timeWithoutRedis(now: second(9)) == .seconds(7) && state.redisError == "n; s")
    #expect(state.canServe(now: second(12)) && !state.canServe(now: second(13)))
    // Another reason does not make it come back.
    _ = state.effects { $0.asked(south, failed: "other", isAway: true, now: second(5)) }
    #expect(state.timeWithoutRedis(now: second(9)) == .seconds(7))
    #expect(state.effects { $0.asked(north, failed: nil, now: epoch) }.signals == .leases)
    #expect(state.timeWithoutRedis(now: second(9)) == .zero)
  }

  @Test func `a server that refuses the worker was reached`() {
    var state = worker()
    state.asked(north, failed: "NOPERM", now: epoch)
    state.asked(south, failed: "away", isAway: true, now: epoch)
    #expect(state.timeWithoutRedis(now: second(9)) == .zero)
    #expect(state.status(now: epoch).lanes.map(\.state) == [.waitingRedis, .waitingRedis])
    #expect(state.status(now: epoch).lanes.map(\.lastError) == ["NOPERM", "away"])
  }

  @Test func `a worker that has lost its lanes remembers that Redis was away, until a probe reaches it`() {
    var state = worker()
    state.asked(north, failed: "n", isAway: true, now: epoch)
    state.asked(south, failed: "s", isAway: true, now: epoch)
    _ = state.takeEffects()
    _ = state.effects { _ = $0.hold(LeaseGrant()) }
    #expect(state.timeWithoutRedis(now: second(9)) == .seconds(9) && state.redisError == "n; s")
    state.probed(.only, failed: "p", isAway: true, now: second(5))
    #expect(state.timeWithoutRedis(now: second(9)) == .seconds(9) && state.redisError == "p")
    #expect(state.effects { $0.probed(.only, failed: nil, now: epoch) }.signals == .leases)
    #expect(state.timeWithoutRedis(now: second(9)) == .zero && state.redisError == nil)
  }

  @Test func `nothing is kept of a server that holds no owned lane any more`() {
    var state = worker()
    state.asked(south, failed: "s", isAway: true, now: epoch)
    _ = state.takeEffects()
    _ = state.effects { $0.place(["b"], at: [north]) }
    #expect(state.redisError == nil)
    state.asked(south, failed: "s", isAway: true, now: epoch)
    #expect(state.redisError == nil)
  }
}
