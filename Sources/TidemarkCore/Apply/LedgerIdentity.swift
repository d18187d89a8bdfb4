/// Identifies the Postgres that holds the ledger. It changes when a standby is promoted or a backup takes its place; the last commits may
/// then be missing.
package struct LedgerIdentity: Sendable, Equatable {
  /// The identifier of the database cluster, from `pg_control_system()`.
  package var system: String
  package var timeline: String

  package init(system: String, timeline: String) {
    self.system = system
    self.timeline = timeline
  }
}

/// Lanes as they were read from the ledger.
package struct LedgerReading: Sendable {
  package var identity: LedgerIdentity
  /// Identifies the connection. A server that went back has ended all of its earlier connections.
  package var connection: String
  package var lanes: [LaneRecord]

  package init(identity: LedgerIdentity, connection: String, lanes: [LaneRecord]) {
    self.identity = identity
    self.connection = connection
    self.lanes = lanes
  }
}
