/// The settings that this release reads and validates but ignores.
extension Configuration {
  package struct Snapshot: Equatable, Sendable {
    package var everyChanges = 200
    package var every = Duration.seconds(300)
    /// The change types that trigger a snapshot.
    package var on = ["session.ended", "outcome.recorded"]
  }

  package struct Reconcile: Equatable, Sendable {
    package var interval = Duration.seconds(60)
    /// The largest number of sessions to compare per second.
    package var rate = 2000
  }
}
