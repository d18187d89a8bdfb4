/// Throughput and lag by batch size, and what follows for the setting.
package struct SweepResult: Sendable, Encodable {
  package struct Point: Sendable, Encodable {
    /// `batch.max_entries`
    package var maxEntries: Int
    /// Of a drain of the mix.
    package var changesPerSecond: Double
    /// At the sweep's rate.
    package var lag: LagSummary

    package init(maxEntries: Int, changesPerSecond: Double, lag: LagSummary) {
      self.maxEntries = maxEntries
      self.changesPerSecond = changesPerSecond
      self.lag = lag
    }
  }

  /// Of the best throughput: what a size must reach to be large enough.
  package static let enough = 0.95

  /// Changes a second at which the lag was measured.
  package var rate: Int
  /// By rising size.
  package var points: [Point]
  /// The smallest size that reaches enough: larger ones only hold more in memory and commit later.
  package var kneeMaxEntries: Int
  /// Settings by key, as `tune` takes them.
  package var advice: [String: String]

  /// Nil without a point.
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
