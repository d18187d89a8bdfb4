/// What follows when a lane's stream is not the one that was read: its accounting begins anew.
package struct NewIncarnation: Sendable {
  /// The lane as the ledger has it, of the incarnation that is over.
  package var ended: LaneRecord
  package var cause: LaneGap.Cause
  /// Entries that are known to have been there, and were not read. The others nobody can count.
  package var atLeast: UInt64
  /// What follows this position is read.
  package var start: EntryID
  /// What Redis had added by then.
  package var startOrdinal: UInt64

  package init(ended: LaneRecord, cause: LaneGap.Cause, atLeast: UInt64, start: EntryID, startOrdinal: UInt64) {
    self.ended = ended
    self.cause = cause
    self.atLeast = atLeast
    self.start = start
    self.startOrdinal = startOrdinal
  }

  /// Behind a break, from where the new stream is to be read.
  package init(after ended: LaneRecord, _ replacement: StreamReplacement, _ start: (position: EntryID, baseline: UInt64)) {
    self.init(ended: ended, cause: replacement.cause, atLeast: replacement.atLeast, start: start.position, startOrdinal: start.baseline)
  }
}
