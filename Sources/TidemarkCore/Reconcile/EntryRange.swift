/// The entries of a lane behind one position and through another.
package struct EntryRange: Sendable, Equatable {
  package var after: EntryID
  package var through: EntryID

  package init(after: EntryID, through: EntryID) {
    self.after = after
    self.through = through
  }

  package func contains(_ entry: EntryID) -> Bool { entry > after && entry <= through }

  /// The range as far as it holds positions that the audit trail can hold; nil where it holds none.
  package var inLedger: EntryRange? {
    guard after.ms <= UInt64(Int64.max), after < through else { return nil }
    // No entry whose number in its millisecond is larger is in the audit trail.
    let most = UInt64(Int64.max)
    return EntryRange(
      after: EntryID(ms: after.ms, no: min(after.no, most)),
      through: through.ms > most ? .lastOfLedger : EntryID(ms: through.ms, no: min(through.no, most)))
  }
}

extension EntryID {
  /// The largest id that the audit trail can hold.
  static let lastOfLedger = EntryID(ms: UInt64(Int64.max), no: UInt64(Int64.max))

  /// The largest id that is smaller; zero for zero.
  package var predecessor: EntryID {
    no > 0 ? EntryID(ms: ms, no: no - 1) : EntryID(ms: ms == 0 ? 0 : ms - 1, no: ms == 0 ? 0 : .max)
  }
}
