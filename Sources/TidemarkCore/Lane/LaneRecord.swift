/// A lane as the ledger holds it.
package struct LaneRecord: Sendable, Equatable {
  package var laneID: Int32
  package var name: String
  package var shard: Int
  /// The fencing token, which rises with every owner.
  package var fence: Int64
  package var incarnation: Int64
  package var cursor: LaneCursor
  /// The digest of the cursor's own entry; nil where the entry is too large for one, and while no entry was read.
  package var anchor: AnchorDigest?
  /// The furthest position that was ever committed, in any incarnation. Entries up to it may already be in Postgres. Ids that Postgres
  /// can't hold do not count, because their entries are never applied.
  package var furthest: EntryID
  /// Whether the mirroring group was created in this incarnation.
  package var isMirrored: Bool
  /// The value of Redis' `entries-added` at the cursor.
  package var ordinal: UInt64
  /// The number of entries that Redis had added before the lane's start.
  package var baseline: UInt64
  package var owner: String?
  /// The ledger's installation. What is written to Redis for the lane is written under this id.
  package var installation: InstallationID
  /// The counts of the lane since its start.
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

  /// Whether a mark is published for the lane: a lane that never moved has none.
  package var hasMark: Bool { cursor.position > .zero || incarnation > 1 }

  /// Returns the incarnation that the lane needs so that its marks may follow the one that was published last; nil where its own is high
  /// enough.
  ///
  /// No mark is published before its commit, and commits of an earlier owner are refused since the lane was acquired. So a mark that is
  /// ahead of the ledger shows that the ledger went back: an older backup was restored, or a standby without the last commits was promoted.
  package func incarnation(above published: DurableMark?) -> Int64? {
    guard let published, published.incarnation < .max else { return nil }
    let isAhead = (published.incarnation, published.durable) > (incarnation, cursor.position)
    return isAhead ? published.incarnation + 1 : nil
  }

  /// Returns the record as it is after a batch of the lane is committed.
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
