/// Measures how long the oldest uncommitted entry of a lane has been seen to wait, by this worker's clock.
///
/// Ids tell no time where producers make them: in microseconds, or by a clock that runs ahead. The number of entries that Redis had added
/// at each moment gives the shortest time for which an entry has waited.
package struct BacklogAge: Sendable, Equatable {
  private struct Sample: Sendable, Equatable {
    /// The number of entries that Redis had added.
    var added: UInt64
    var at: ContinuousClock.Instant
  }

  /// The most samples that are kept.
  static let capacity = 32

  /// The samples of uncommitted entries, rising in both values.
  private var samples: [Sample] = []
  /// The shortest time between two samples. It doubles where there would be too many: the longer a backlog lasts, the less a second
  /// matters.
  private var spacing = Duration.zero

  package init() {}

  /// Records that Redis had added `added` entries at this moment, of which `committed` are committed.
  package mutating func observe(added: UInt64, committed: UInt64, at now: ContinuousClock.Instant) {
    // The stream is another one.
    if let last = samples.last, added < last.added { samples = [] }
    samples.removeAll { $0.added <= committed }
    if samples.isEmpty { spacing = .zero }
    guard added > samples.last?.added ?? committed, samples.last.map({ $0.at.duration(to: now) >= spacing }) ?? true else { return }
    samples.append(Sample(added: added, at: now))
    guard samples.count > Self.capacity, let first = samples.first, let last = samples.last else { return }
    // Every second sample is removed; its entries count as a little younger from then on.
    samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    spacing = first.at.duration(to: last.at) / (Self.capacity / 2)
  }

  /// Returns how long entries have waited; nil where none was seen to wait.
  package func waited(until now: ContinuousClock.Instant) -> Duration? {
    samples.first.map { $0.at.duration(to: now) }
  }
}
