/// The state in Postgres of an entry that was read before, in another incarnation.
package struct KnownEntry: Sendable, Equatable {
  /// The index of the entry in the batch.
  package var entry: Int
  /// Whether an entry with the same content, as far as that can be told, was applied at the entry's position. Where this is false and the
  /// entry is no dead letter either, another content was applied there.
  package var isSame: Bool
  /// Whether the entry is a dead letter, open or resolved, with the same content.
  package var isLetter: Bool

  package init(entry: Int, isSame: Bool, isLetter: Bool) {
    self.entry = entry
    self.isSame = isSame
    self.isLetter = isLetter
  }
}

extension EntryOutcome {
  /// Returns the outcomes of a batch's entries. A known entry keeps its outcome: an applied entry stays applied even if the present rules
  /// reject it, and a dead letter gets no second one.
  ///
  /// - Parameter tried: the outcomes of the entries that were tried.
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
