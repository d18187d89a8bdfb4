/// The parameters of one XREAD.
package struct LaneReadRequest: Sendable {
  package struct Position: Sendable {
    package var lane: String
    /// The last entry that was read. Entries after it are wanted.
    package var after: EntryID
    /// Identifies the assignment of the lane to a server, see ``LaneScheduler/place(_:at:)``.
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
  /// The most entries to return for each lane, at least 1.
  package var count: Int
  /// The time for which the server may wait for a first entry. Nil means that it does not wait.
  package var block: Duration?
  /// The most bytes that the reply may take. A larger reply is dropped and reported as ``LaneReadReply/overBudget``. Nil is for one entry
  /// of one lane, which could not be read otherwise: the reply is delivered whatever its size, its values cut as ``EntryBlock/truncations``
  /// says.
  package var budget: Int?
  /// The size above which an entry's values are cut to their first 4 KiB.
  package var maxEntryBytes: Int
  /// The number of fields above which only the first fields of an entry are delivered, as ``EntryBlock/oversized`` says.
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
