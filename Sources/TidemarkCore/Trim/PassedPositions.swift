/// Where a lane's committed cursor stood at which moment, as far back as trimming asks.
///
/// By this the age and the number of entries are known without their ids, which are no clock where producers make them: in microseconds, or by a
/// clock that runs ahead. Every entry up to a position is at least as old as the moment at which the cursor was seen there.
package struct PassedPositions: Sendable, Equatable {
  struct Sample: Sendable, Equatable {
    var position: EntryID
    /// Redis' `entries-added` there.
    var ordinal: UInt64
    var at: ContinuousClock.Instant
  }

  /// Samples that are kept at most.
  static let capacity = 128
  /// In so many steps the kept window is passed, by time or by entries.
  private static let steps = 32

  private(set) var samples: [Sample] = []
  private var incarnation: Int64 = 0

  package init() {}

  /// The lane's cursor, as it was just read from the ledger.
  ///
  /// - Parameter kept: how many entries may stay by their size; nil where that is not known.
  package mutating func note(_ record: LaneRecord, keep: Duration, kept: Double?, at now: ContinuousClock.Instant) {
    if record.incarnation != incarnation || record.ordinal < samples.last?.ordinal ?? 0 {
      samples = []
      incarnation = record.incarnation
    }
    // Of those that are old enough, the last one tells all that the others do.
    if let last = samples.lastIndex(where: { $0.at.duration(to: now) >= keep }) { samples.removeFirst(last) }
    if let last = samples.last {
      let isFar = kept.map { Double(record.ordinal - last.ordinal) >= $0 / Double(Self.steps) } ?? false
      guard record.ordinal > last.ordinal, isFar || last.at.duration(to: now) >= keep / Self.steps else { return }
    }
    samples.append(Sample(position: record.cursor.position, ordinal: record.ordinal, at: now))
    guard samples.count > Self.capacity else { return }
    samples = samples.enumerated().filter { $0.offset % 2 == 0 || $0.offset == samples.count - 1 }.map(\.element)
  }

  /// The last position of which all entries up to it are at least so old.
  func position(olderThan age: Duration, at now: ContinuousClock.Instant) -> EntryID? {
    samples.last { $0.at.duration(to: now) >= age }?.position
  }

  /// The last position by which Redis had not added more than this.
  func position(notBeyond ordinal: UInt64) -> EntryID? { samples.last { $0.ordinal <= ordinal }?.position }
}
