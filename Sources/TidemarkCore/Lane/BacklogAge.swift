/// For how long the oldest entry of a lane that is not committed has been seen to wait, by the clock of whoever watches.
///
/// Ids are no clock where producers make them: in microseconds, or by a clock that runs ahead. What Redis counted at which moment tells how long
/// something has waited at least.
package struct BacklogAge: Sendable, Equatable {
  private struct Sample: Sendable, Equatable {
    /// What Redis had added.
    var added: UInt64
    var at: ContinuousClock.Instant
  }

  /// Samples that are kept at most.
  static let capacity = 32

  /// Of what is not committed, rising in both.
  private var samples: [Sample] = []
  /// No sample follows another sooner. Doubles where there would be too many: the longer a backlog, the less an age matters to the second.
  private var spacing = Duration.zero

  package init() {}

  /// Redis had added so many at this moment, and so many of them are committed.
  package mutating func observe(added: UInt64, committed: UInt64, at now: ContinuousClock.Instant) {
    // Another stream.
    if let last = samples.last, added < last.added { samples = [] }
    samples.removeAll { $0.added <= committed }
    if samples.isEmpty { spacing = .zero }
    guard added > samples.last?.added ?? committed, samples.last.map({ $0.at.duration(to: now) >= spacing }) ?? true else { return }
    samples.append(Sample(added: added, at: now))
    guard samples.count > Self.capacity, let first = samples.first, let last = samples.last else { return }
    // Every second one goes; what it stood for is taken for a little younger then.
    samples = samples.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    spacing = first.at.duration(to: last.at) / (Self.capacity / 2)
  }

  /// Nil where nothing was seen to wait.
  package func waited(until now: ContinuousClock.Instant) -> Duration? {
    samples.first.map { $0.at.duration(to: now) }
  }
}
