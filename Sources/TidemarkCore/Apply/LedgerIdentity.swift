/// Which Postgres holds the ledger: it changes when a standby is promoted or a backup takes its place, and what was committed last may then
/// not be there.
package struct LedgerIdentity: Sendable, Equatable {
  /// The cluster's, of `pg_control_system()`.
  package var system: String
  package var timeline: String

  package init(system: String, timeline: String) {
    self.system = system
    self.timeline = timeline
  }
}

/// What the ledger says of lanes.
package struct LedgerReading: Sendable {
  package var identity: LedgerIdentity
  /// Tells connections apart: a server that went back has ended all that it had.
  package var connection: String
  package var lanes: [LaneRecord]

  package init(identity: LedgerIdentity, connection: String, lanes: [LaneRecord]) {
    self.identity = identity
    self.connection = connection
    self.lanes = lanes
  }
}
