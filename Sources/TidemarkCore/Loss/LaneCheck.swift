/// A lane that shall be held against what Redis says of it.
package struct LaneCheck: Sendable, Equatable {
  package var lane: String
  package var cursor: EntryID
  /// Digest of the cursor's own entry; nil where it was never decoded.
  package var anchor: ContentDigest?
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
  /// With which of its servers it was when the question was made, see ``LaneTable/place(_:at:)``.
  var placement = 0

  package init(
    lane: String, cursor: EntryID, anchor: ContentDigest?, isMirrored: Bool, hasRead: Bool, readPosition: EntryID, readOrdinal: UInt64,
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
