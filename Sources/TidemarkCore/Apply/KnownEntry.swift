/// What Postgres knows of an entry that was read before, in another incarnation.
package struct KnownEntry: Sendable, Equatable {
  /// Index into the batch's entries.
  package var entry: Int
  /// An entry of its position was applied with the same content, as far as that can be told. Where it is neither that nor a dead letter, another
  /// content was applied there.
  package var isSame: Bool
  /// It is a dead letter, open or resolved, with the same content.
  package var isLetter: Bool

  package init(entry: Int, isSame: Bool, isLetter: Bool) {
    self.entry = entry
    self.isSame = isSame
    self.isLetter = isLetter
  }
}

extension EntryOutcome {
  /// What becomes of a batch's entries. What is known stays what it is: an applied entry is none that today's rules refuse, and a dead letter is
  /// no second one.
  ///
  /// - Parameter tried: what became of those that were tried.
  package static func all(_ tried: [EntryOutcome], known: [KnownEntry], in batch: ChangeBatch) -> [EntryOutcome] {
    guard !known.isEmpty else { return tried }
    let letters = Set(known.lazy.filter(\.isLetter).map(\.entry))
    let refused = known.compactMap { known -> EntryOutcome? in
      guard case .rejected(let rejection) = batch.entries[known.entry].disposition else { return nil }
      let kind: Kind = known.isSame ? .reread : known.isLetter ? .rereadLetter(rejection) : .divergent
      return EntryOutcome(entry: known.entry, kind: kind)
    }
    let decided = tried.map { outcome -> EntryOutcome in
      guard letters.contains(outcome.entry) else { return outcome }
      switch outcome.kind {
      case .rejected(let rejection): return EntryOutcome(entry: outcome.entry, kind: .rereadLetter(rejection))
      case .divergent: return EntryOutcome(entry: outcome.entry, kind: .rereadLetter(.divergent))
      case .reread, .rereadLetter, .duplicate: return outcome
      }
    }
    return refused + decided
  }
}
