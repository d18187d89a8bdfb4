/// The results of a benchmark. Times hold for this run on these servers; only the ratios can be compared with other machines.
///
/// Of several rounds, each measurement is the complete one of its median round, so that its figures belong together.
package struct BenchReport: Sendable, Encodable {
  package var about: BenchAbout
  package var drains: [DrainResult]
  package var lags: [LagResult]
  package var sweep: SweepResult?
  package var rounds: [BenchRound]

  package init(about: BenchAbout, rounds: [BenchRound]) {
    self.about = about
    self.rounds = rounds
    drains = Self.columns(rounds.map(\.drains)).compactMap { Self.middle($0, by: \.ofLimit) }
    lags = Self.columns(rounds.map(\.lags)).compactMap { Self.middle($0, by: \.p50InRoundTrips) }
    let sweeps = rounds.compactMap(\.sweep)
    let points = Self.columns(sweeps.map(\.points)).compactMap { Self.middle($0, by: \.changesPerSecond) }
    sweep = sweeps.first.flatMap { SweepResult(rate: $0.rate, points: points) }
  }

  /// Returns the spread of the drain's share of its limit.
  func spread(of load: BenchLoad) -> Spread? {
    Spread(rounds.flatMap(\.drains).filter { $0.load == load }.map(\.ofLimit))
  }

  /// Returns the spread of a figure of the lag at a rate.
  func spread(at rate: Int, _ figure: (LagResult) -> Double) -> Spread? {
    Spread(rounds.flatMap(\.lags).filter { $0.rate == rate }.map(figure))
  }

  var roundTrips: Spread? { Spread(rounds.flatMap(\.roundTrips).map(\.p50Microseconds)) }

  /// The ratio of the largest to the smallest median round trip. Nothing in the benchmark slows a server down permanently, so a large ratio
  /// means that other programs used the servers or this machine.
  var unrest: Double {
    guard let spread = roundTrips, spread.lowest > 0 else { return 1 }
    return spread.highest / spread.lowest
  }

  /// Returns the values of all rounds, grouped by their place in a round.
  private static func columns<Value>(_ rows: [[Value]]) -> [[Value]] {
    (rows.first ?? []).indices.map { place in rows.compactMap { place < $0.count ? $0[place] : nil } }
  }

  /// Returns the median value; of an even number, the lower of the two in the middle.
  private static func middle<Value>(_ values: [Value], by figure: (Value) -> Double) -> Value? {
    guard !values.isEmpty else { return nil }
    return values.sorted { figure($0) < figure($1) }[(values.count - 1) / 2]
  }
}
