/// What is measured, and how much of it.
package struct BenchPlan: Sendable {
  package enum Part: String, Sendable, CaseIterable {
    /// Throughput beside the COPY limit.
    case drain
    /// Commit lag at given rates.
    case lag
    /// Both for several batch sizes.
    case sweep
  }

  package var parts: Set<Part>
  /// Of a drain.
  package var changes: Int
  package var sessions: Int
  /// Changes a second.
  package var rates: [Int]
  /// At each rate.
  package var duration: Duration
  /// Values of `batch.max_entries` for the sweep.
  package var sizes: [Int]
  /// INSERTs of one round trip's measurement.
  package var roundTrips: Int
  /// How often everything is measured.
  package var rounds: Int
  package var seed: UInt64

  /// How many measurements that is.
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
