/// The settings that this release reads and validates but ignores.
extension Configuration {
  package struct Reconcile: Equatable, Sendable {
    package var interval = Duration.seconds(60)
    /// The largest number of sessions to compare per second.
    package var rate = 2000
  }
}
