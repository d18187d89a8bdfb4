/// Gathers differences that are found shortly after one another, so that one line of the log tells of them.
package struct DivergenceBurst: Sendable {
  package struct Found: Sendable, Equatable {
    package var counts: [Divergence.Kind: Int] = [:]
    package var lanes: Set<String> = []
  }

  /// The time between two lines. The first difference after a pause of this length is told at once.
  static let interval = Duration.seconds(10)

  private var found = Found()
  private var next: ContinuousClock.Instant?

  package init() {}

  /// When what was found is to be told; nil where nothing waits.
  package var due: ContinuousClock.Instant? { found.counts.isEmpty ? nil : next }

  package mutating func add(_ divergences: [Divergence], now: ContinuousClock.Instant) {
    guard !divergences.isEmpty else { return }
    for divergence in divergences {
      found.counts[divergence.kind, default: 0] += 1
      found.lanes.insert(divergence.lane)
    }
    next = max(next ?? now, now)
  }

  /// Returns what is to be told now.
  package mutating func take(now: ContinuousClock.Instant) -> Found? {
    guard let due, due <= now else { return nil }
    next = now + Self.interval
    defer { found = Found() }
    return found
  }
}
