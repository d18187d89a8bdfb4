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
