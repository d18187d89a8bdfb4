/// The outcome of an entry that was sent to Postgres and was not simply applied.
package struct EntryOutcome: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// The entry was applied before, with the same content.
    case reread
    /// The entry already is a dead letter with the same content. The rejection is the reason why it would become one again.
    case rereadLetter(Rejection)
    /// The entry's position holds another content.
    case divergent
    /// The entry's event id is known, with the same content.
    case duplicate
    /// The entry can't be applied, which only Postgres could see, or its event id was used for another content.
    case rejected(Rejection)
  }

  /// The index of the entry in the batch.
  package var entry: Int
  package var kind: Kind

  package init(entry: Int, kind: Kind) {
    self.entry = entry
    self.kind = kind
  }
}
