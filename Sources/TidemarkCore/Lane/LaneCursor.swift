/// Where a lane stands in Postgres: the last entry whose outcome is committed, and how many were applied by then.
package struct LaneCursor: Sendable, Equatable {
  package var position: EntryID
  /// The last number given in `changes.no`.
  package var appliedNo: Int64
  /// The chain over the digests of all applied changes, see ``SealChain``.
  package var seal: [UInt8]

  package init(position: EntryID, appliedNo: Int64, seal: [UInt8]) {
    self.position = position
    self.appliedNo = appliedNo
    self.seal = seal
  }
}

/// A lane as the ledger holds it.
package struct LaneRecord: Sendable, Equatable {
  package var laneID: Int32
  package var name: String
  package var shard: Int
  /// The fencing token: it rises with every owner.
  package var fence: Int64
  package var incarnation: Int64
  package var cursor: LaneCursor
  /// Redis' `entries-added` at the cursor.
  package var ordinal: UInt64
  package var baseline: UInt64
  package var owner: String?

  package init(
    laneID: Int32, name: String, shard: Int, fence: Int64, incarnation: Int64, cursor: LaneCursor, ordinal: UInt64, baseline: UInt64,
    owner: String?
  ) {
    self.laneID = laneID
    self.name = name
    self.shard = shard
    self.fence = fence
    self.incarnation = incarnation
    self.cursor = cursor
    self.ordinal = ordinal
    self.baseline = baseline
    self.owner = owner
  }
}
