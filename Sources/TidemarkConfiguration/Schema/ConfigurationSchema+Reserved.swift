/// Settings whose names are settled and whose work comes with a later release.
extension ConfigurationSchema {
  private static let later: ConfigurationKey.Traits = [.reloadable, .tunable, .reserved]

  static let snapshot = Section(
    "snapshot", "Copies of a session's state, rows of `snapshots`.",
    [
      ConfigurationKey(
        "snapshot.every_changes", \.snapshot.everyChanges, .integer(1...1_000_000_000), later,
        "A snapshot after so many changes of a session."),
      ConfigurationKey(
        "snapshot.every", \.snapshot.every, .duration(.seconds(1)...(.seconds(30 * 86_400))), later,
        "A snapshot of a session that changed within this time."),
      ConfigurationKey(
        "snapshot.on", \.snapshot.on, .list, later,
        "Types of changes that call for a snapshot at once."),
    ])

  static let reconcile = Section(
    "reconcile", "Comparing Redis with PostgreSQL.",
    [
      ConfigurationKey(
        "reconcile.interval", \.reconcile.interval, .duration(.seconds(1)...(.seconds(86_400))), later,
        "How often what changed is compared."),
      ConfigurationKey(
        "reconcile.rate", \.reconcile.rate, .integer(1...1_000_000), later,
        "Sessions compared in a second at most."),
    ])

  static let hot = Section(
    "hot", "The state of sessions that stays in Redis.",
    [
      ConfigurationKey(
        "hot.messages", \.hot.messages, .integer(0...100_000), .reserved,
        "Messages of a session that stay in Redis."),
      ConfigurationKey(
        "hot.evict_idle_after", \.hot.evictIdleAfter, .duration(.zero...(.seconds(365 * 86_400))), .reserved,
        "An idle, durable session leaves Redis after this time. 0 means never."),
    ])
}
