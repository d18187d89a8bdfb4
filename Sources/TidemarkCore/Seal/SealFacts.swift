/// What decides at present about the sealing of changes.
package struct SealFacts: Sendable, Equatable {
  package struct Lane: Sendable, Equatable {
    package var name: String
    /// The number of the last committed change.
    package var appliedNo: Int64
    /// The incarnation of the lane. When it changes, Redis may have lost the head of the chain.
    package var incarnation: Int64
    package var installation: InstallationID

    package init(name: String, appliedNo: Int64, incarnation: Int64, installation: InstallationID) {
      self.name = name
      self.appliedNo = appliedNo
      self.incarnation = incarnation
      self.installation = installation
    }
  }

  /// How far behind the commits seals may be.
  package var interval: Duration
  /// The owned lanes, by their numbers in the ledger.
  package var lanes: [Int32: Lane]
  /// Whether changes wait in Redis for longer than agents should notice: then replication comes first.
  package var isReplicationBehind: Bool
  package var isPostgresAway: Bool

  package init(interval: Duration, lanes: [Int32: Lane], isReplicationBehind: Bool = false, isPostgresAway: Bool = false) {
    self.interval = interval
    self.lanes = lanes
    self.isReplicationBehind = isReplicationBehind
    self.isPostgresAway = isPostgresAway
  }
}
