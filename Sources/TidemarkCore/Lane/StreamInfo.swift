/// The result of `XINFO STREAM` for a lane: the counters that loss detection needs.
package struct StreamInfo: Sendable, Equatable {
  package var length: UInt64
  package var lastGeneratedID: EntryID
  package var entriesAdded: UInt64
  package var maxDeletedID: EntryID
  /// The id of the oldest entry that is still there.
  package var firstID: EntryID?
  /// The id of the newest entry that is still there, which differs from ``lastGeneratedID`` where that entry was deleted or the id was
  /// raised. It is nil where there is none, and where the counters are enough without it: Redis returns it only together with the whole
  /// entry.
  package var lastID: EntryID?

  package init(
    length: UInt64, lastGeneratedID: EntryID, entriesAdded: UInt64, maxDeletedID: EntryID, firstID: EntryID?, lastID: EntryID? = nil
  ) {
    self.length = length
    self.lastGeneratedID = lastGeneratedID
    self.entriesAdded = entriesAdded
    self.maxDeletedID = maxDeletedID
    self.firstID = firstID
    self.lastID = lastID
  }
}
