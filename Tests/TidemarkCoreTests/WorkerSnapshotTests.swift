import Testing

@testable import TidemarkCore

@Suite struct WorkerSnapshotTests {
  @Test func `a reload reaches the policy of snapshots`() {
    var state = WorkerState.owning()
    var settings = WorkerSettings.serving()
    settings.snapshots = SnapshotPolicy(everyChanges: 7, every: .seconds(1), types: ["session.ended"])
    #expect(state.effects { $0.apply(settings, now: epoch) }.signals.contains(.retention))
    #expect(state.settings.snapshots == settings.snapshots)
  }

  @Test func `owned lanes are named with where they stand, and no others`() {
    var state = WorkerState.owning(["a", "b"])
    let ids = Set(state.scheduler.lanes.values.map(\.record.laneID))
    #expect(Set(state.committedLanes.keys) == ids)
    #expect(state.committedLanes.values.allSatisfy { $0 == CommittedLane(position: EntryID(ms: 5, no: 0), incarnation: 1) })
    state.release(["a", "b"])
    #expect(state.committedLanes.isEmpty)
  }
}
