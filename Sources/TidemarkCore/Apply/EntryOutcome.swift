/// What became of an entry that was sent to Postgres and was not simply applied.
package struct EntryOutcome: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// Already there, with the same content.
    case reread
    /// It is a dead letter already, with the same content; why it would be one again.
    case rereadLetter(Rejection)
    /// Another content is there at this position.
    case divergent
    /// The producer's id is known, with the same content.
    case duplicate
    /// Only Postgres could see that it can't be applied; or its producer's id was used for another content.
    case rejected(Rejection)
  }

  /// Index into the batch's entries.
  package var entry: Int
  package var kind: Kind

  package init(entry: Int, kind: Kind) {
    self.entry = entry
    self.kind = kind
  }
}
