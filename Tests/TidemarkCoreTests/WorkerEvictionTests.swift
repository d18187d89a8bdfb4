import Testing

@testable import TidemarkCore

/// What a worker knows that decides about evictions, and whom its changes wake.
@Suite struct WorkerEvictionTests {
  private func observe(_ memory: Double?, of lanes: [String], in state: inout WorkerState) -> WorkerSignals {
    let lags = Dictionary(uniqueKeysWithValues: lanes.map { ($0, LaneLag(entries: 0, seconds: 0)) })
    return state.effects { _ = $0.pressureLevels(lags, memory: memory) }.signals
  }

  @Test func `the lanes of a server whose memory is short are known until it has fallen by five points`() {
    var state = WorkerState.owning(["a", "b"])
    #expect(observe(0.79, of: ["a"], in: &state) == [])
    #expect(observe(0.8, of: ["a"], in: &state) == .eviction)
    #expect(observe(0.79, of: ["b"], in: &state) == [])
    #expect(state.evictionFacts.fullLanes == ["a"])
    #expect(observe(0.76, of: ["a"], in: &state) == [])
    #expect(observe(0.74, of: ["a"], in: &state) == .eviction)
    #expect(state.evictionFacts.fullLanes == [])
  }

  @Test func `a lane that is released, or whose server has no limit any more, is not full`() {
    var state = WorkerState.owning(["a", "b"])
    _ = observe(0.9, of: ["a", "b"], in: &state)
    #expect(observe(nil, of: ["b"], in: &state) == .eviction)
    #expect(state.effects { $0.release(["a"]) }.signals.contains(.eviction))
    #expect(state.evictionFacts.fullLanes == [])
  }

  @Test func `a reload, and Postgres when it goes away, wake the task that evicts`() {
    var state = WorkerState.owning()
    var settings = WorkerSettings.serving()
    settings.evictIdleAfter = .seconds(7)
    settings.pressure.memory = 0.5
    #expect(state.effects { $0.apply(settings, now: epoch) }.signals.contains(.eviction))
    #expect(state.evictionFacts.idle == .seconds(7) && state.evictionFacts.memoryLimit == 0.5)
    #expect(!state.evictionFacts.isPostgresAway)
    var down = SinkError(.fault(.ambiguous), "down")
    down.isUnreachable = true
    #expect(state.effects { $0.postgresFailed(down, now: epoch) }.signals.contains(.eviction))
    #expect(state.evictionFacts.isPostgresAway)
  }
}
