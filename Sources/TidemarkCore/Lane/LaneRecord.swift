/// A lane as the ledger holds it.
package struct LaneRecord: Sendable, Equatable {
  package var laneID: Int32
  package var name: String
  package var shard: Int
  /// The fencing token: it rises with every owner.
  package var fence: Int64
  package var incarnation: Int64
  package var cursor: LaneCursor
  /// Digest of the cursor's own entry; nil where it is too large for one, and while nothing was read.
  package var anchor: AnchorDigest?
  /// The furthest position that was ever committed, in any incarnation: what comes at or before it may be there already. Ids that Postgres can't
  /// hold do not count: nothing of them is there.
  package var furthest: EntryID
  /// The mirroring group was made in this incarnation.
  package var isMirrored: Bool
  /// Redis' `entries-added` at the cursor.
  package var ordinal: UInt64
  /// Entries that Redis had added before the lane's start.
  package var baseline: UInt64
  package var owner: String?
  /// The ledger's installation: what is written to Redis for the lane is written under this id.
  package var installation: InstallationID
  /// What the lane came to since its start.
  package var totals: LaneCounts

  package init(
    laneID: Int32, name: String, shard: Int, fence: Int64, incarnation: Int64, cursor: LaneCursor, ordinal: UInt64, baseline: UInt64,
    owner: String?, totals: LaneCounts = LaneCounts(), anchor: AnchorDigest? = nil, furthest: EntryID = .zero, isMirrored: Bool = false,
    installation: InstallationID = .unknown
  ) {
    self.laneID = laneID
    self.name = name
    self.shard = shard
    self.fence = fence
    self.incarnation = incarnation
    self.cursor = cursor
    self.anchor = anchor
    self.furthest = cursor.position.fitsLedger ? max(furthest, cursor.position) : furthest
    self.isMirrored = isMirrored
    self.ordinal = ordinal
    self.baseline = baseline
    self.owner = owner
    self.installation = installation
    self.totals = totals
  }

  /// Whether agents are told of it: a lane that never moved has nothing to tell.
  package var hasMark: Bool { cursor.position > .zero || incarnation > 1 }

  /// The incarnation that the lane needs so that marks of it may follow what agents were told last; nil where its own will do.
  ///
  /// No mark is told before its commit, and what an earlier owner commits is refused since the lane was taken. So a mark that is ahead of the
  /// ledger says that the ledger went back: an older backup was restored, or a standby without the last commits was promoted.
  package func incarnation(above told: DurableMark?) -> Int64? {
    guard let told, told.incarnation < .max else { return nil }
    let isAhead = (told.incarnation, told.durable) > (incarnation, cursor.position)
    return isAhead ? told.incarnation + 1 : nil
  }

  /// The record after a batch of the lane is committed.
  package func advanced(by settled: BatchOutcome.Lane) -> LaneRecord {
    var record = self
    record.cursor = settled.cursor
    record.anchor = settled.anchor
    if settled.cursor.position.fitsLedger { record.furthest = max(furthest, settled.cursor.position) }
    record.ordinal += UInt64(settled.counts.added)
    record.baseline += UInt64(settled.counts.reread)
    record.totals += settled.counts
    return record
  }
}
