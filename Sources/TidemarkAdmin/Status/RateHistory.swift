internal import TidemarkCore

/// The last reports of one installation, to tell from them how fast its lanes move: `status --watch` looks every second, which says more of
/// this moment than the ledger's checkpoints do.
package struct RateHistory: Sendable {
  /// Rates are those since the report before the last four, so that a worker that commits once a second does not make them jump.
  private static let kept = 5

  private var reports: [(at: ContinuousClock.Instant, lanes: [String: LaneRate.Totals])] = []

  package init() {}

  /// Replaces the rates of a report's lanes by those since the oldest report that is kept. A lane that was not in it keeps its own.
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
