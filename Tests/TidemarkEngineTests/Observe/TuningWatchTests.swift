import Synchronization
import Testing

@testable import TidemarkCore
@testable import TidemarkEngine

/// A running worker follows what operators tune.
@Suite struct TuningWatchTests {
  /// Settings of which the most entries of a transaction are tuned.
  private final class Settings: TunedSettings {
    private let state: Mutex<(rows: [TunedSetting], settings: WorkerSettings)>

    init(_ settings: WorkerSettings) { state = Mutex(([], settings)) }

    var workerSettings: WorkerSettings { state.withLock { $0.settings } }

    func follow(_ rows: [TunedSetting]) -> Bool {
      state.withLock { state in
        guard rows != state.rows else { return false }
        state.rows = rows
        state.settings.flow.maxEntries = rows.last?.value.flatMap { Int($0) } ?? 1
        return true
      }
    }
  }

  @Test func `new rows of the ledger apply, and the same rows change nothing`() async throws {
    let sink = MemorySink()
    let settings = HandOverTests.settings
    let coordinator = LaneCoordinator(settings: settings)
    let watch = TuningWatch(sink: sink, settings: Settings(settings), coordinator: coordinator)
    sink.state.withLock { $0.tuning = [TunedSetting(place: .init(key: "batch.max_entries"), value: "17", change: 1)] }
    try await watch.follow()
    #expect(await coordinator.settings.flow.maxEntries == 17)
    #expect(await coordinator.scheduler.limits.maxEntries == 17)
    let seen = coordinator.signals[.committable].generation
    try await watch.follow()
    #expect(coordinator.signals[.committable].generation == seen)
    sink.state.withLock { $0.tuning = [TunedSetting(place: .init(key: "batch.max_entries"), value: "18", change: 2)] }
    try await watch.follow()
    #expect(coordinator.signals[.committable].generation > seen)
  }
}
