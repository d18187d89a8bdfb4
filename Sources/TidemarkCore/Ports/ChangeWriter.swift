/// Commits batches, one at a time, over one connection that it opens again after a loss.
package protocol ChangeWriter: Sendable {
  /// The executor on which a task should run that calls this writer repeatedly, so that a call changes no thread; nil where any will do. A
  /// call may block the executor.
  var callers: (any TaskExecutor)? { get }

  /// Applies a batch in one transaction. Returns its outcome, exactly as it was sent to Postgres.
  func commit(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome

  /// Returns whether any entry of the batch could be applied now. The transaction is rolled back.
  func dryRun(_ batch: ChangeBatch) async throws -> Bool

  /// Returns lanes as the ledger has them, read after it is certain that no earlier transaction of this writer is still open.
  func settledLanes(_ laneIDs: [Int32]) async throws -> [LaneRecord]

  /// Returns the reasons of a lane's dead letters after one position and up to another.
  func rejected(_ lane: String, after: EntryID, through: EntryID) async throws -> [DurableMark.Rejection]

  func close() async
}
