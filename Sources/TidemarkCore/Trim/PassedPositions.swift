/// The positions of a lane's committed cursor over time, as far back as trimming needs them.
///
/// They give the age and the number of entries without their ids, which tell no time where producers make them: in microseconds, or by a
/// clock that runs ahead. Every entry up to a position is at least as old as the moment at which the cursor was seen there.
package struct PassedPositions: Sendable, Equatable {
  struct Sample: Sendable, Equatable {
    var position: EntryID
    /// The value of Redis' `entries-added` at the position.
    var ordinal: UInt64
    var at: ContinuousClock.Instant
  }

  /// The most samples that are kept.
  static let capacity = 128
  /// The number of steps in which the kept window is covered, by time or by entries.
  private static let steps = 32

  private(set) var samples: [Sample] = []
  private var incarnation: Int64 = 0

  package init() {}

  /// Records the lane's cursor, as it was just read from the ledger.
  ///
  /// - Parameter kept: the number of entries that may stay by their size; nil where it is not known.
  package mutating func note(_ record: LaneRecord, keep: Duration, kept: Double?, at now: ContinuousClock.Instant) {
    if record.incarnation != incarnation || record.ordinal < samples.last?.ordinal ?? 0 {
      samples = []
      incarnation = record.incarnation
    }
    // Of the samples that are old enough, the last one replaces the others.
    if let last = samples.lastIndex(where: { $0.at.duration(to: now) >= keep }) { samples.removeFirst(last) }
    if let last = samples.last {
      let isFar = kept.map { Double(record.ordinal - last.ordinal) >= $0 / Double(Self.steps) } ?? false
      guard record.ordinal > last.ordinal, isFar || last.at.duration(to: now) >= keep / Self.steps else { return }
    }
    samples.append(Sample(position: record.cursor.position, ordinal: record.ordinal, at: now))
    guard samples.count > Self.capacity else { return }
    samples = samples.enumerated().filter { $0.offset % 2 == 0 || $0.offset == samples.count - 1 }.map(\.element)
  }

  /// Returns the last position up to which all entries are at least `age` old.
  func position(olderThan age: Duration, at now: ContinuousClock.Instant) -> EntryID? {
    samples.last { $0.at.duration(to: now) >= age }?.position
  }

  /// Returns the last position at which Redis had added at most `ordinal` entries.
  func position(notBeyond ordinal: UInt64) -> EntryID? { samples.last { $0.ordinal <= ordinal }?.position }
}
