/// A lane whose position is to be recorded in `checkpoints`, with its lag at the moment; nil where the lag is not known.
package struct CheckpointMark: Sendable, Equatable {
  package var lane: String
  package var fence: Int64
  package var lagEntries: Int64?
  package var lagSeconds: Double?

  package init(lane: String, fence: Int64, lagEntries: Int64?, lagSeconds: Double?) {
    self.lane = lane
    self.fence = fence
    self.lagEntries = lagEntries
    self.lagSeconds = lagSeconds
  }
}
