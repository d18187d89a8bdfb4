/// Redis had added `added` entries when it assigned `entry`. Once the reader has passed that id, the entries that it has not seen are lost.
package struct PendingGapCheck: Sendable, Equatable {
  package var entry: EntryID
  package var added: UInt64
  /// The position up to which all entries were accounted for when the check was created.
  package var since: EntryID
  package var maxDeletedID: EntryID

  package init(entry: EntryID, added: UInt64, since: EntryID, maxDeletedID: EntryID) {
    self.entry = entry
    self.added = added
    self.since = since
    self.maxDeletedID = maxDeletedID
  }

  /// Returns the gap where `read` entries were read up to `entry`, or nil where none is lost.
  ///
  /// - Parameter next: the first entry that was read and is not before `entry`, which may itself be lost.
  func gap(read: UInt64, next: EntryID, place: EntryID) -> LaneGap? {
    guard added > read else { return nil }
    return LaneGap(
      after: since, before: next, missing: Int(clamping: added - read), cause: maxDeletedID > since ? .deleted : .trimmed, place: place)
  }
}
