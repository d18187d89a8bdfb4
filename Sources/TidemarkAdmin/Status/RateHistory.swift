internal import TidemarkCore

/// Keeps the last reports of an installation and computes the lanes' rates from them. `status --watch` makes a report every second, which
/// shows the current rate better than the ledger's checkpoints.
package struct RateHistory: Sendable {
  /// The number of reports that are kept. Rates cover the time since the oldest of them, so that a worker that commits once per second does
  /// not make them jump.
  private static let kept = 5

  private var reports: [(at: ContinuousClock.Instant, lanes: [String: LaneRate.Totals])] = []

  package init() {}

  /// Replaces the rates of a report's lanes by the rates since the oldest report. A lane that was not in that report keeps its rate.
  package mutating func measure(_ report: inout StatusReport, at now: ContinuousClock.Instant) {
    if let oldest = reports.first {
      let seconds = oldest.at.duration(to: now).seconds
      for index in report.lanes.indices {
        let lane = report.lanes[index]
        guard let earlier = oldest.lanes[lane.lane], let rate = LaneRate.between(earlier, lane.totals, seconds: seconds) else { continue }
        report.lanes[index].set(rate)
      }
    }
    reports.append((now, Dictionary(report.lanes.map { ($0.lane, $0.totals) }) { first, _ in first }))
    if reports.count > Self.kept { reports.removeFirst() }
  }
}
