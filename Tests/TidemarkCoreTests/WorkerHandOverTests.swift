import Testing

@testable import TidemarkCore

@Suite struct WorkerHandOverTests {
  private let shard = Shard.of("a")

  @Test func `a shard is handed over only after the transactions of its lanes are decided`() throws {
    var state = WorkerState.owning()
    state.read([10, 10])
    let work = try wanted(state.takeWork())
    let handOver = state.beginHandOver([shard])
    _ = state.takeEffects()
    #expect(state.isUnderWay(handOver) && state.ownsNothing && state.grant.shards.isEmpty)
    #expect(state.effects { $0.commit(work) }.signals.contains(.advanced))
    #expect(!state.isUnderWay(handOver))
    #expect(state.end(handOver) == [shard])
    #expect(state.grant.shards.isEmpty)
  }

  @Test func `a hand-over that takes too long is given up, and the shard is served again under its fencing token`() throws {
    var state = WorkerState.owning()
    state.read([10])
    let work = try wanted(state.takeWork())
    let handOver = state.beginHandOver([shard])
    _ = state.takeEffects()
    var vacant: [Int] = []
    let effects = state.effects { vacant = $0.end(handOver) }
    #expect(vacant == [] && state.grant.shards == [shard: 1])
    #expect(effects.signals.contains(.ownership))
    _ = state.effects { $0.commit(work) }
    #expect(state.lanesToAcquire(["a"], isComplete: false) == ["a"])
  }

  @Test func `what was read and is not under way is dropped, because the next owner reads it again`() {
    var state = WorkerState.owning()
    state.read([10])
    let handOver = state.beginHandOver([shard])
    #expect(!state.isUnderWay(handOver))
    #expect(state.end(handOver) == [shard])
    #expect(state.scheduler.credit.used == 0)
  }

  @Test func `what was read of a stream that is gone is committed first`() throws {
    var state = WorkerState.owning()
    state.read([10])
    let check = try #require(state.scheduler.lanes["a"]?.check)
    _ = state.checked([.of(check, added: nil)])
    let handOver = state.beginHandOver([shard])
    #expect(state.isUnderWay(handOver))
    let work = try wanted(state.takeWork())
    _ = state.effects { $0.commit(work) }
    #expect(!state.isUnderWay(handOver))
    #expect(state.end(handOver) == [shard])
  }

  @Test func `lanes of a shard under another fencing token are released, and the others stay`() {
    var state = WorkerState.owning(["a", "b"])
    var grant = state.grant
    grant.shards[shard] = 2
    #expect(state.hold(grant) == 1)
    #expect(state.laneNames == ["b"])
    #expect(state.hold(grant) == 0)
  }

  @Test func `a lane is acquired only while its shard is held`() {
    var state = WorkerState.owning(["a"])
    _ = state.hold(LeaseGrant())
    state.acquire([.owned("a")], at: .only, now: epoch)
    #expect(state.ownsNothing)
  }
}
