/// What decides at present about the comparison of this worker's lanes.
package struct ReconciliationFacts: Sendable, Equatable {
  /// Where the owned lanes stand in the ledger, by their numbers there.
  package var lanes: [Int32: CommittedLane]
  package var limits: ReconciliationLimits
  /// Whether the replication needs the servers: Postgres is away, or a lane that is served lags.
  package var isHeldUp: Bool

  package init(lanes: [Int32: CommittedLane], limits: ReconciliationLimits, isHeldUp: Bool) {
    self.lanes = lanes
    self.limits = limits
    self.isHeldUp = isHeldUp
  }
}

/// How far a lane is verified.
package struct VerifiedLane: Sendable, Equatable {
  package var laneID: Int32
  package var incarnation: Int64
  /// The position where reading began in the incarnation.
  package var began: EntryID
  package var through: EntryID

  package init(laneID: Int32, incarnation: Int64, began: EntryID, through: EntryID) {
    self.laneID = laneID
    self.incarnation = incarnation
    self.began = began
    self.through = through
  }
}
