/// When sessions get snapshots.
extension Configuration {
  package struct Snapshot: Equatable, Sendable {
    package var everyChanges = 200
    package var every = Duration.seconds(300)
    /// The change types that trigger a snapshot.
    package var on = ["session.ended", "outcome.recorded"]
  }
}
