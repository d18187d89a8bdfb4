/// The throughput and lag of each batch size, and the advice that follows from them.
package struct SweepResult: Sendable, Encodable {
  package struct Point: Sendable, Encodable {
    /// The value of `batch.max_entries`.
    package var maxEntries: Int
    /// The throughput in a drain of the mix.
    package var changesPerSecond: Double
    /// The commit lag at the sweep's rate.
    package var lag: LagSummary

    package init(maxEntries: Int, changesPerSecond: Double, lag: LagSummary) {
      self.maxEntries = maxEntries
      self.changesPerSecond = changesPerSecond
      self.lag = lag
    }
  }

  /// The share of the best throughput that the advised size must reach.
  package static let enough = 0.95

  /// The rate, in changes per second, at which the lag was measured.
  package var rate: Int
  /// The measured sizes in ascending order.
  package var points: [Point]
  /// The smallest size that reaches ``enough``. Larger sizes only hold more in memory and commit later.
  package var kneeMaxEntries: Int
  /// The advised settings by key, as `tune` takes them.
  package var advice: [String: String]

  /// Creates the result; nil without a point.
  package init?(rate: Int, points: [Point]) {
    self.rate = rate
    self.points = points.sorted { $0.maxEntries < $1.maxEntries }
    guard let best = points.map(\.changesPerSecond).max(),
      let knee = self.points.first(where: { $0.changesPerSecond >= Self.enough * best })
    else { return nil }
    kneeMaxEntries = knee.maxEntries
    advice = ["batch.max_entries": "\(knee.maxEntries)"]
  }
}
