/// The commit lag at a rate: from the scheduled time of a change, through its XADD, to the durable mark.
package struct LagResult: Sendable, Encodable {
  /// The rate in changes per second.
  package var rate: Int
  package var seconds: Double
  package var lag: LagSummary
  /// The delay with which the load was sent; this part of the lag is not the worker's.
  package var sentLate: LagSummary
  /// The round trip of a one-row INSERT with its commit, measured just before.
  package var roundTrip: LagSummary
  /// The median lag in median round trips.
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
