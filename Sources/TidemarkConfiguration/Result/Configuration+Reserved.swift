/// What this release reads and validates, and does not act on yet.
extension Configuration {
  package struct Snapshot: Equatable, Sendable {
    package var everyChanges = 200
    package var every = Duration.seconds(300)
    /// Change types that ask for a snapshot.
    package var on = ["session.ended", "outcome.recorded"]
  }

  package struct Reconcile: Equatable, Sendable {
    package var interval = Duration.seconds(60)
    /// Sessions a second at most.
    package var rate = 2000
  }

  package struct Hot: Equatable, Sendable {
    package var messages = 200
    /// Zero: never.
    package var evictIdleAfter = Duration.zero
  }
}
