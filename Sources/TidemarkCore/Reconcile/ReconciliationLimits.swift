/// How often, how fast and with which effect Redis is compared with Postgres.
package struct ReconciliationLimits: Sendable, Equatable {
  /// Which differences are repaired when they are found.
  package enum Repair: String, Sendable, CaseIterable {
    /// None: they are only recorded.
    case none
    /// What Postgres lacks and Redis still has is applied again.
    case missing
    /// What differs in Redis is written again from Postgres, too.
    case all
  }

  package var interval: Duration
  /// The largest number of entries, and of sessions, to compare per second.
  package var rate: Int
  package var repair: Repair

  package init(interval: Duration = .seconds(60), rate: Int = 2_000, repair: Repair = .none) {
    self.interval = interval
    self.rate = rate
    self.repair = repair
  }

  /// The pause after a piece of this size that took this time: as long as background work rests, and long enough to keep to the rate.
  func pause(after time: Duration, size: Int) -> Duration {
    max(BackgroundPace.pause(after: time), .seconds(1) * size / rate)
  }
}
