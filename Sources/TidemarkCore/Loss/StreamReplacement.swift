/// A lane's stream is not the one that was read.
package struct StreamReplacement: Sendable, Equatable {
  package var cause: LaneGap.Cause
  /// Entries that are known to have been in it, and were not read. The counters that would tell exactly are gone with the stream.
  package var atLeast: UInt64

  package init(_ cause: LaneGap.Cause, atLeast: UInt64) {
    self.cause = cause
    self.atLeast = atLeast
  }
}
