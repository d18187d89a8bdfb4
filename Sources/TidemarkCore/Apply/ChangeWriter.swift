/// Commits batches, one at a time, over one connection that it opens again after a loss.
package protocol ChangeWriter: Sendable {
  /// Where a task that calls this writer again and again had best run, so that a call changes no thread; nil: anywhere. A call may block it.
  var callers: (any TaskExecutor)? { get }

  /// Applies a batch in one transaction. Answers what it came to: what Postgres was told, word for word.
  func commit(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome

  /// Whether any entry of the batch could be applied now. Leaves nothing behind.
  func dryRun(_ batch: ChangeBatch) async throws -> Bool

  /// Lanes as the ledger has them, read after it is certain that no earlier transaction of this writer is still open.
  func settledLanes(_ laneIDs: [Int32]) async throws -> [LaneRecord]

  /// Reasons of the dead letters of a lane after one position and up to another.
  func rejected(_ lane: String, after: EntryID, through: EntryID) async throws -> [DurableMark.Rejection]

  func close() async
}
