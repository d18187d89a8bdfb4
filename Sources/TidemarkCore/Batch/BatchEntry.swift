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
  /// Over all fields: by it an entry that is read again is known.
  package var digest = ContentDigest.none
  /// Over the content: by it a change that its producer writes again is known.
  package var contentDigest = ContentDigest.none
  package var isMisrouted = false
  /// The catalog does not know its type.
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
