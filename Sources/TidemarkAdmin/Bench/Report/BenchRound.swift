/// The results of one round.
package struct BenchRound: Sendable, Encodable {
  /// The round trips of a one-row INSERT with its commit, measured between the other measurements.
  package var roundTrips: [LagSummary] = []
  package var drains: [DrainResult] = []
  package var lags: [LagResult] = []
  package var sweep: SweepResult?
}
