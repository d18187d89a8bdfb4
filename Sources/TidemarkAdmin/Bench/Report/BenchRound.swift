/// All that was measured once.
package struct BenchRound: Sendable, Encodable {
  /// A one-row INSERT with its commit, measured between the other measurements.
  package var roundTrips: [LagSummary] = []
  package var drains: [DrainResult] = []
  package var lags: [LagResult] = []
  package var sweep: SweepResult?
}
