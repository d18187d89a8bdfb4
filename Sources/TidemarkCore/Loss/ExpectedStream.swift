/// A lane that shall be held against what Redis says of it.
package struct ExpectedStream: Sendable, Equatable {
  /// What Redis is asked of it.
  package enum Question: Sendable, Hashable {
    /// All that tells whether the stream is the one that was read.
    case comparison
    /// The counters alone.
    case counters
    /// The counters, and the first entry behind the cursor.
    case next
  }

  package var lane: String
  package var cursor: EntryID
  /// Digest of the cursor's own entry; nil where it is too large for one, and while nothing was read.
  package var anchor: AnchorDigest?
  /// The mirroring group was there, so that it is there as long as the stream is.
  package var isMirrored: Bool
  /// Something was read since the lane's start.
  package var hasRead: Bool
  /// The last entry that was read.
  package var readPosition: EntryID
  /// What Redis had added by then.
  package var readOrdinal: UInt64
  /// Up to here all that Redis had added was accounted for; what is missing was lost behind it.
  package var countedPosition: EntryID
  /// What Redis had added when it was asked last.
  package var knownAdded: UInt64
  package var question = Question.comparison
  /// Whether the answer may wait, or be about right, where looking is dear: see ``ObservationBudget``.
  package var mayBeDeferred = false
  /// With which of its servers it was when the question was made, see ``LaneScheduler/place(_:at:)``.
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

  /// A stream that is not judged.
  package init(asking lane: String, cursor: EntryID = .zero, question: Question = .counters) {
    // Nothing can be behind what was read: so the last entry is not asked for.
    let end = EntryID(ms: .max, no: .max)
    self.init(
      lane: lane, cursor: cursor, anchor: nil, isMirrored: false, hasRead: false, readPosition: end, readOrdinal: 0, countedPosition: end,
      knownAdded: 0)
    self.question = question
  }

  /// A lane of which nothing is read but what is committed.
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
