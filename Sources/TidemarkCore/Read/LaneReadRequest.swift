/// One XREAD.
package struct LaneReadRequest: Sendable {
  package struct Position: Sendable {
    package var lane: String
    /// The last entry that was read; what follows it is wanted.
    package var after: EntryID
    /// With which of its servers the lane is, see ``LaneScheduler/place(_:at:)``.
    var placement = 0

    package init(lane: String, after: EntryID) {
      self.lane = lane
      self.after = after
    }

    init(_ flow: OwnedLane) {
      self.init(lane: flow.record.name, after: flow.readPosition)
      placement = flow.placement
    }
  }

  package var positions: [Position]
  /// Entries per lane at most, at least 1.
  package var count: Int
  /// How long the server may wait for a first entry. Nil does not wait.
  package var block: Duration?
  /// Bytes that the reply may take; a larger one is dropped and reported as ``LaneReadReply/overBudget``. Nil: it is delivered however
  /// large it is, its values cut as ``EntryBlock/truncations`` says; for one entry of one lane, which could never be read else.
  package var budget: Int?
  /// An entry beyond this has its values cut to the first 4 KiB.
  package var maxEntryBytes: Int
  /// Of an entry with more fields only the first are delivered, as ``EntryBlock/oversized`` says.
  package var maxFields: Int

  package init(
    positions: [Position], count: Int, block: Duration?, budget: Int?, maxEntryBytes: Int, maxFields: Int = FlowLimits.defaultMaxFields
  ) {
    self.positions = positions
    self.count = count
    self.block = block
    self.budget = budget
    self.maxEntryBytes = maxEntryBytes
    self.maxFields = maxFields
  }
}
