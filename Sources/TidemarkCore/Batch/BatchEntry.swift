/// One entry of a batch: the values that the ledger keeps, and the decision that was made before it was sent to Postgres.
package struct BatchEntry: Sendable {
  package enum Disposition: Sendable, Equatable {
    case apply
    /// The entry has `ephemeral 1` and is only counted.
    case ephemeral
    case rejected(Rejection)
  }

  /// The index of the entry's lane in the batch.
  package var lane: Int
  package var id: EntryID
  /// The block that holds the entry's bytes, as an index into the batch's blocks; `indexInBlock` is the entry's index within it.
  package var block: Int
  package var indexInBlock: Int
  package var disposition: Disposition
  /// The digest over all fields. It identifies an entry that is read again.
  package var digest = ContentDigest.none
  /// The digest over the content. It identifies a change that its producer writes again.
  package var contentDigest = ContentDigest.none
  package var isMisrouted = false
  /// Whether the catalog does not know the entry's type.
  package var isOfUnknownType = false
  package var session = Cell.null
  package var eventID = Cell.null
  package var seq = Cell.null
  package var epoch = Cell.null
  package var type = Cell.null
  package var actor = Cell.null
  package var trace = Cell.null
  package var version = Cell.null
  package var occurredAt = Cell.null
  package var fields = Cell.null
}
