/// One entry of a batch: what the ledger keeps of it, and what became of it before Postgres saw it.
package struct BatchEntry: Sendable {
  package enum Disposition: Sendable, Equatable {
    case apply
    /// `ephemeral 1`: only counted.
    case ephemeral
    case rejected(Rejection)
  }

  /// Index of its lane in the batch.
  package var lane: Int
  package var id: EntryID
  /// Where its bytes are: the block, and the entry within it.
  package var block: Int
  package var indexInBlock: Int
  package var disposition: Disposition
  package var digest = ContentDigest.none
  package var isMisrouted = false
  package var session = RowSet.Cell.null
  package var eventID = RowSet.Cell.null
  package var seq = RowSet.Cell.null
  package var epoch = RowSet.Cell.null
  package var type = RowSet.Cell.null
  package var actor = RowSet.Cell.null
  package var trace = RowSet.Cell.null
  package var version = RowSet.Cell.null
  package var occurredAt = RowSet.Cell.null
  package var fields = RowSet.Cell.null
}
