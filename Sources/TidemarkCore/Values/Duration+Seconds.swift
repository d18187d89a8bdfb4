extension Duration {
  /// The duration in seconds, the unit of metrics and of Postgres.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
