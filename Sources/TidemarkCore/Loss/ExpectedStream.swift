/// A lane's stream as the ledger and the reader expect it, to be compared with what Redis reports.
package struct ExpectedStream: Sendable, Equatable {
  /// The facts that Redis is asked for.
  package enum Question: Sendable, Hashable {
    /// All facts that tell whether the stream is the one that was read.
    case comparison
    /// The counters alone.
    case counters
    /// The counters, and the first entry behind the cursor.
    case next
  }

  package var lane: String
  package var cursor: EntryID
  /// The digest of the cursor's own entry; nil where the entry is too large for one, and while no entry was read.
  package var anchor: AnchorDigest?
  /// Whether the mirroring group was created, so that it exists for as long as the stream does.
  package var isMirrored: Bool
  /// Whether entries were read since the lane's start.
  package var hasRead: Bool
  /// The last entry that was read.
  package var readPosition: EntryID
  /// The number of entries that Redis had added when it assigned `readPosition`.
  package var readOrdinal: UInt64
  /// The position up to which every entry that Redis added is accounted for. Missing entries were lost behind it.
  package var countedPosition: EntryID
  /// The number of entries that Redis had added when it was last asked.
  package var knownAdded: UInt64
  package var question = Question.comparison
  /// Whether the answer may be deferred or approximate where an inspection is expensive: see ``ObservationBudget``.
  package var mayBeDeferred = false
  /// Identifies the assignment of the lane to a server at the time of the question, see ``LaneScheduler/place(_:at:)``.
  var placement = 0

  package init(
    lane: String, cursor: EntryID, anchor: AnchorDigest?, isMirrored: Bool, hasRead: Bool, readPosition: EntryID, readOrdinal: UInt64,
    countedPosition: EntryID, knownAdded: UInt64
  ) {
    self.lane = lane
    self.cursor = cursor
    self.anchor = anchor
    self.isMirrored = isMirrored
    self.hasRead = hasRead
    self.readPosition = readPosition
    self.readOrdinal = readOrdinal
    self.countedPosition = countedPosition
    self.knownAdded = knownAdded
  }

  /// Creates a question about a stream that is not compared with anything.
  package init(asking lane: String, cursor: EntryID = .zero, question: Question = .counters) {
    // No entry can be behind this position, so Redis is not asked for the last entry.
    let end = EntryID.max
    self.init(
      lane: lane, cursor: cursor, anchor: nil, isMirrored: false, hasRead: false, readPosition: end, readOrdinal: 0, countedPosition: end,
      knownAdded: 0)
    self.question = question
  }

  /// Creates the expectation for a lane of which only the committed entries were read.
  package init(_ record: LaneRecord, knownAdded: UInt64) {
    let position = record.cursor.position
    self.init(
      record, readPosition: position, readOrdinal: record.ordinal, countedPosition: position, knownAdded: knownAdded)
  }

  init(
    _ record: LaneRecord, readPosition: EntryID, readOrdinal: UInt64, countedPosition: EntryID, knownAdded: UInt64, placement: Int = 0
  ) {
    self.init(
      lane: record.name, cursor: record.cursor.position, anchor: record.anchor, isMirrored: record.isMirrored,
      hasRead: readOrdinal > record.baseline, readPosition: readPosition, readOrdinal: readOrdinal,
      countedPosition: countedPosition, knownAdded: knownAdded)
    self.placement = placement
  }
}
