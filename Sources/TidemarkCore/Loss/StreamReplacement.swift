/// States that a lane's stream is not the one that was read, and why.
package struct StreamReplacement: Sendable, Equatable {
  package var cause: LaneGap.Cause
  /// The number of entries that are known to have been in the stream and were not read. The counters that would give the exact number are
  /// gone with the stream.
  package var atLeast: UInt64
  /// The last position that is known to be of the stream that was read: what was lost with it is behind this position. Reading may have gone
  /// further, into the next stream, before the replacement was found.
  package var after: EntryID

  package init(_ cause: LaneGap.Cause, atLeast: UInt64, after: EntryID) {
    self.cause = cause
    self.atLeast = atLeast
    self.after = after
  }
}
