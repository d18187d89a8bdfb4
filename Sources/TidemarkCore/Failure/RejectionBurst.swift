/// Counts dead letters until a line of the log says how many there were, by reason: one line a burst, and one in ten seconds at most while it
/// lasts.
package struct RejectionBurst: Sendable {
  /// How long the first line of a burst waits for the rest of it.
  static let patience = Duration.seconds(1)
  static let interval = Duration.seconds(10)

  package struct Summary: Sendable, Equatable {
    package var count: Int
    /// By reason, the most frequent one first.
    package var reasons: [(name: String, count: Int)]
    /// The lanes, by name.
    package var lanes: [String]

    package static func == (left: Summary, right: Summary) -> Bool {
      left.count == right.count && left.lanes == right.lanes && left.reasons.elementsEqual(right.reasons, by: ==)
    }
  }

  private var reasons: [String: Int] = [:]
  private var lanes: Set<String> = []
  private var since: ContinuousClock.Instant?
  private var lastSaid: ContinuousClock.Instant?

  package init() {}

  package mutating func add(_ reason: String, lane: String, now: ContinuousClock.Instant) {
    reasons[reason, default: 0] += 1
    lanes.insert(lane)
    since = since ?? now
  }

  /// What is to be said now; nil where nothing is, or not yet.
  ///
  /// - Parameter isLast: nothing will be said later.
  package mutating func take(now: ContinuousClock.Instant, isLast: Bool = false) -> Summary? {
    guard let since else { return nil }
    let due = max(since.advanced(by: Self.patience), lastSaid?.advanced(by: Self.interval) ?? since)
    guard isLast || now >= due else { return nil }
    let summary = Summary(
      count: reasons.values.reduce(0, +),
      reasons: reasons.map { (name: $0.key, count: $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }, lanes: lanes.sorted())
    (reasons, lanes, self.since, lastSaid) = ([:], [], nil, now)
    return summary
  }
}
