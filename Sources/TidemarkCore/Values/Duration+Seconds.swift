extension Duration {
  /// In seconds, as metrics and Postgres count.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
