/// The settings whose names are final and whose functions come with a later release.
extension ConfigurationSchema {
  private static let later: ConfigurationKey.Traits = [.reloadable, .tunable, .reserved]

  static let snapshot = Section(
    "snapshot", "Copies of a session's state, rows of `snapshots`.",
    [
      ConfigurationKey(
        "snapshot.every_changes", \.snapshot.everyChanges, .integer(1...1_000_000_000), later,
        "The number of changes of a session after which a snapshot is taken."),
      ConfigurationKey(
        "snapshot.every", \.snapshot.every, .duration(.seconds(1)...(.seconds(30 * 86_400))), later,
        "The interval at which a session that has changed gets a snapshot."),
      ConfigurationKey(
        "snapshot.on", \.snapshot.on, .list, later,
        "The types of changes that trigger a snapshot at once."),
    ])

  static let reconcile = Section(
    "reconcile", "The comparison of Redis with PostgreSQL.",
    [
      ConfigurationKey(
        "reconcile.interval", \.reconcile.interval, .duration(.seconds(1)...(.seconds(86_400))), later,
        "The interval at which changed sessions are compared."),
      ConfigurationKey(
        "reconcile.rate", \.reconcile.rate, .integer(1...1_000_000), later,
        "The largest number of sessions to compare per second."),
    ])
}
