/// Durations as the numbers that servers, metrics and operators use.
extension Duration {
  /// The duration in seconds, the unit of metrics.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }

  /// The duration in whole milliseconds, rounded up, so that a positive time never becomes 0, which means "for ever" to Postgres and Redis.
  package var milliseconds: Int64 {
    let (whole, rest) = components.attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000_000)
    return components.seconds * 1000 + whole + (rest > 0 ? 1 : 0)
  }

  /// The duration in whole nanoseconds, rounded towards zero.
  package var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
