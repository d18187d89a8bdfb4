/// Commit lag at a rate: from the moment that a change was meant for, over its XADD, to the durable mark.
package struct LagResult: Sendable, Encodable {
  /// Changes a second.
  package var rate: Int
  package var seconds: Double
  package var lag: LagSummary
  /// How late the load itself sent: this much of the lag is not the worker's.
  package var sentLate: LagSummary
  /// A one-row INSERT with its commit, just before.
  package var roundTrip: LagSummary
  /// In median round trips of a one-row INSERT with its commit.
  package var p50InRoundTrips: Double
  package var p99InRoundTrips: Double

  init(rate: Int, seconds: Double, lag: LagSummary, sentLate: LagSummary, roundTrip: LagSummary) {
    self.rate = rate
    self.seconds = seconds
    self.lag = lag
    self.sentLate = sentLate
    self.roundTrip = roundTrip
    p50InRoundTrips = lag.p50Microseconds / roundTrip.p50Microseconds
    p99InRoundTrips = lag.p99Microseconds / roundTrip.p50Microseconds
  }
}
