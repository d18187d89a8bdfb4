/// The next incarnation of a lane whose stream was replaced. Its accounting begins anew.
package struct NewIncarnation: Sendable {
  /// The lane as the ledger has it, in the incarnation that ends.
  package var ended: LaneRecord
  package var cause: LaneGap.Cause
  /// The number of entries that are known to have been in the old stream and were not read. There may have been more, which can't be
  /// counted.
  package var atLeast: UInt64
  /// The last position that is known to be of the old stream; the entries that were lost with it are behind this position.
  package var lostAfter: EntryID
  /// The position after which entries are read.
  package var start: EntryID
  /// The number of entries that Redis had added when it assigned `start`.
  package var startOrdinal: UInt64

  /// - Parameter lostAfter: see ``lostAfter``; nil stands for the cursor.
  package init(
    ended: LaneRecord, cause: LaneGap.Cause, atLeast: UInt64, lostAfter: EntryID? = nil, start: EntryID, startOrdinal: UInt64
  ) {
    self.ended = ended
    self.cause = cause
    self.atLeast = atLeast
    self.lostAfter = lostAfter ?? ended.cursor.position
    self.start = start
    self.startOrdinal = startOrdinal
  }

  /// Creates the incarnation that follows a replacement, from the position where the new stream is to be read.
  package init(after ended: LaneRecord, _ replacement: StreamReplacement, _ start: (position: EntryID, baseline: UInt64)) {
    self.init(
      ended: ended, cause: replacement.cause, atLeast: replacement.atLeast, lostAfter: replacement.after, start: start.position,
      startOrdinal: start.baseline)
  }
}
