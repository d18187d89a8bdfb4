/// A lane's state, as it is written to the ledger.
package struct LaneNote: Sendable, Equatable {
  package var lane: String
  package var fence: Int64
  package var state: LaneState
  package var lastError: String?
  package var hint: String?

  package init(lane: String, fence: Int64, state: LaneState, lastError: String?, hint: String?) {
    self.lane = lane
    self.fence = fence
    self.state = state
    self.lastError = lastError
    self.hint = hint
  }
}
