/// The measurements of a benchmark and their sizes.
package struct BenchPlan: Sendable {
  package enum Part: String, Sendable, CaseIterable {
    /// Measures throughput beside the COPY limit.
    case drain
    /// Measures commit lag at given rates.
    case lag
    /// Measures throughput and lag for several batch sizes.
    case sweep
  }

  package var parts: Set<Part>
  /// The number of changes in each drain.
  package var changes: Int
  package var sessions: Int
  /// The rates in changes per second.
  package var rates: [Int]
  /// The time to measure at each rate.
  package var duration: Duration
  /// The values of `batch.max_entries` in the sweep.
  package var sizes: [Int]
  /// The number of INSERTs in each measurement of the round trip.
  package var roundTrips: Int
  /// The number of times that everything is measured.
  package var rounds: Int
  package var seed: UInt64

  /// The number of measurements, for the progress line.
  var steps: Int {
    let drains = parts.contains(.drain) ? BenchLoad.allCases.count : 0
    return rounds * (1 + drains + (parts.contains(.lag) ? rates.count : 0) + (parts.contains(.sweep) ? sizes.count : 0))
  }

  package init(
    parts: Set<Part>, changes: Int, sessions: Int, rates: [Int], duration: Duration, sizes: [Int], roundTrips: Int, rounds: Int,
    seed: UInt64
  ) {
    self.parts = parts
    self.changes = changes
    self.sessions = sessions
    self.rates = rates
    self.duration = duration
    self.sizes = sizes
    self.roundTrips = roundTrips
    self.rounds = rounds
    self.seed = seed
  }
}
