/// The settings whose names are final and whose functions come with a later release.
extension ConfigurationSchema {
  private static let later: ConfigurationKey.Traits = [.reloadable, .tunable, .reserved]

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
