/// The comparison of Redis with PostgreSQL.
extension Configuration {
  package struct Reconcile: Equatable, Sendable {
    package var interval = Duration.seconds(60)
    /// The largest number of entries, and of sessions, to compare per second.
    package var rate = 2000
    package var repair = Repair.none
  }

  /// Which differences are repaired.
  package enum Repair: String, CaseIterable, Sendable {
    case none, missing, all
  }
}
