/// States that a lane's stream is not the one that was read, and why.
package struct StreamReplacement: Sendable, Equatable {
  package var cause: LaneGap.Cause
  /// The number of entries that are known to have been in the stream and were not read. The counters that would give the exact number are
  /// gone with the stream.
  package var atLeast: UInt64

  package init(_ cause: LaneGap.Cause, atLeast: UInt64) {
    self.cause = cause
    self.atLeast = atLeast
  }
}
