extension ConfigurationSchema {
  static let reconcile = Section(
    "reconcile",
    "The comparison of Redis with PostgreSQL, which always runs in the background: [what is compared](promises.md#reconciliation). It pauses while "
      + "the replication lags.",
    [
      ConfigurationKey(
        "reconcile.interval", \.reconcile.interval, .duration(.seconds(1)...(.seconds(86_400))), .live,
        "The interval at which what has changed since the last comparison is compared."),
      ConfigurationKey(
        "reconcile.rate", \.reconcile.rate, .integer(1...1_000_000), .live,
        "The largest number of entries, and of sessions, that a worker compares per second. Where more are written for a long time, the comparison "
          + "falls behind: `verified_through` in `tidemark status` shows it."),
      ConfigurationKey(
        "reconcile.repair", \.reconcile.repair, .choice(Configuration.Repair.allCases.map(\.rawValue)), .live,
        "Which differences a worker repairs when it finds them: `none` only records them, `missing` applies again what PostgreSQL lacks and Redis "
          + "still has, and `all` also writes what differs in Redis again from PostgreSQL. `tidemark reconcile --repair` does the same on demand."
      ),
    ])
}
