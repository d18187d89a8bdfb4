/// What `XINFO STREAM` says of a lane, the counters that loss detection needs.
package struct StreamInfo: Sendable, Equatable {
  package var length: UInt64
  package var lastGeneratedID: EntryID
  package var entriesAdded: UInt64
  package var maxDeletedID: EntryID
  /// Id of the oldest entry still there.
  package var firstID: EntryID?
  /// Id of the newest entry still there, which is not ``lastGeneratedID`` where that was deleted or raised. Nil where there is none, and
  /// where the counters tell all that it could: Redis names it only together with the whole entry.
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
