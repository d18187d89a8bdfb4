/// Counts dead letters for the log, which reports their number by reason: one line a burst, and at most one line in ten seconds while the
/// burst lasts.
package struct RejectionBurst: Sendable {
  /// The delay before the first line of a burst, so that the line covers more of it.
  static let patience = Duration.seconds(1)
  static let interval = Duration.seconds(10)

  package struct Summary: Sendable, Equatable {
    package var count: Int
    /// The counts by reason, the most frequent reason first.
    package var reasons: [(name: String, count: Int)]
    /// The names of the lanes.
    package var lanes: [String]

    package static func == (left: Summary, right: Summary) -> Bool {
      left.count == right.count && left.lanes == right.lanes && left.reasons.elementsEqual(right.reasons, by: ==)
    }
  }

  private var reasons: [String: Int] = [:]
  private var lanes: Set<String> = []
  private var since: ContinuousClock.Instant?
  private var lastReported: ContinuousClock.Instant?

  package init() {}

  package mutating func add(_ reason: String, lane: String, now: ContinuousClock.Instant) {
    reasons[reason, default: 0] += 1
    lanes.insert(lane)
    since = since ?? now
  }

  /// Returns the counts to report now; nil where there are none, or where it is too early.
  ///
  /// - Parameter isLast: whether nothing will be reported later.
  package mutating func take(now: ContinuousClock.Instant, isLast: Bool = false) -> Summary? {
    guard let since else { return nil }
    let due = max(since.advanced(by: Self.patience), lastReported?.advanced(by: Self.interval) ?? since)
    guard isLast || now >= due else { return nil }
    let summary = Summary(
      count: reasons.values.reduce(0, +),
      reasons: reasons.map { (name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }, lanes: lanes.sorted())
    (reasons, lanes, self.since, lastReported) = ([:], [], nil, now)
    return summary
  }
}
