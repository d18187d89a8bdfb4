/// By this entry Redis had added so many. What of them is not read when reading passes it, is lost.
package struct PendingGapCheck: Sendable, Equatable {
  package var entry: EntryID
  package var added: UInt64
  /// Up to where all was accounted for when it was set.
  package var since: EntryID
  package var maxDeletedID: EntryID

  package init(entry: EntryID, added: UInt64, since: EntryID, maxDeletedID: EntryID) {
    self.entry = entry
    self.added = added
    self.since = since
    self.maxDeletedID = maxDeletedID
  }

  /// What is lost, where so many were read up to the entry; nil for nothing.
  ///
  /// - Parameter next: the first that was read and is not before the entry, which may itself be lost.
  func gap(read: UInt64, next: EntryID, place: EntryID) -> LaneGap? {
    guard added > read else { return nil }
    return LaneGap(
      after: since, before: next, missing: Int(clamping: added - read), cause: maxDeletedID > since ? .deleted : .trimmed, place: place)
  }
}
