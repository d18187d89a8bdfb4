/// Whether Postgres can be reached, and which changes of that to report.
struct PostgresReachability: Sendable {
  private var report = FailureReport()
  /// The time since which Postgres can't be reached; nil while it can.
  private(set) var awaySince: ContinuousClock.Instant?

  /// The reason why Postgres can't be reached; nil while it can.
  var reason: String? { report.reason }

  mutating func failed(_ reason: String, now: ContinuousClock.Instant) -> WorkerNotice? {
    awaySince = awaySince ?? now
    return report.failed(reason, now: now) ? .postgresUnreachable(reason: reason) : nil
  }

  mutating func answered() -> WorkerNotice? {
    guard awaySince != nil else { return nil }
    awaySince = nil
    return report.succeeded() ? .postgresReachable : nil
  }
}
