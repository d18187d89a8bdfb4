/// What operators and workers tell each other through the ledger. All methods throw ``SinkError``; all but ``noteUnknownTypes(_:)`` may be called again after
/// they threw.
package protocol StatusLedger: Sendable {
  /// Returns what operators want of lanes: of all lanes of which they ever wanted anything.
  func laneControls() async throws -> [LaneControl]

  /// Returns the last row of each setting that operators ever tuned, in the order of the changes.
  func tuning() async throws -> [TunedSetting]

  /// Records which settings of a worker wait for its restart, and which tuned values it refuses, for readers of the status; nil if there are
  /// none.
  func note(notInForce settings: String?, tuningRefused: String?, of worker: WorkerIdentity) async throws

  /// Records the states of lanes, for readers of `lanes` that ask no worker.
  func note(_ states: [LaneNote]) async throws

  /// Adds to the count of entries of each of these types, which the catalog does not know. Of very many types only the first are kept.
  func noteUnknownTypes(_ types: [String: Int]) async throws

  /// Writes a checkpoint row for each lane, from the ledger's own cursor.
  func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws
}
