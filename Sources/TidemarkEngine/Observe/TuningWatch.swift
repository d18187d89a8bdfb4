package import TidemarkCore

/// Computes a worker's settings from what operators tuned and from its own configuration.
package protocol TunedSettings: Sendable {
  /// Takes the rows of the ledger. Returns whether other settings are in force now, or others are refused.
  func follow(_ rows: [TunedSetting]) -> Bool

  /// The settings in force. They may change between two calls: a reload changes them, too.
  var workerSettings: WorkerSettings { get }
}

/// Applies what operators tuned to this worker.
struct TuningWatch: Sendable {
  let sink: any StatusLedger
  let settings: any TunedSettings
  let coordinator: LaneCoordinator

  /// Reads the ledger once and applies what is new. Throws ``SinkError``.
  func follow() async throws {
    guard settings.follow(try await sink.tuning()) else { return }
    // Read within the event, so that of a reload and a change at the same time the later one does not bring back the earlier settings.
    await coordinator.perform { [settings] state, _ in state.tune(settings.workerSettings) }
  }
}
