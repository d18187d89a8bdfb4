/// The content of one transaction: entries of one or several lanes, and the rows that they make.
///
/// A batch can be sent again: nothing in it depends on how often it was tried.
package struct ChangeBatch: Sendable {
  /// One lane's part of a batch.
  package struct Segment: Sendable {
    package var laneID: Int32
    package var lane: String
    package var fence: Int64
    package var incarnation: Int64
    /// The cursor that the lane must have for this batch to be applied.
    package var before: LaneCursor
    /// The digest of the entry at `before`, and the number of entries that Redis had added when it assigned that id.
    package var anchorBefore: AnchorDigest?
    package var ordinalBefore: UInt64
    /// The furthest position that the lane ever reached.
    package var furthest: EntryID
    /// Indices into ``ChangeBatch/entries``; empty where the part holds only gaps.
    package var entries: Range<Int>
    /// The digest of the part's last entry, or of the entry at `before` where the part has no entries.
    package var anchorAfter: AnchorDigest?
    /// The gaps up to the end of the part.
    package var gaps: [LaneGap]

    package var missing: Int { gaps.reduce(0) { $0 + $1.missing } }
  }

  package internal(set) var segments: [Segment] = []
  package internal(set) var entries: [BatchEntry] = []
  /// The rows of each destination of the routes, in the order in which they are applied.
  package internal(set) var rowSets: [RowSet]
  /// The sessions to which the batch's entries belong.
  package internal(set) var sessions = ByteStringSet()
  /// The rank of each session in the order of keys.
  package internal(set) var sessionRanks: [Int32] = []
  /// Bytes that were made from what was read: JSON objects, and texts with replacements.
  package internal(set) var made: [UInt8] = []
  /// The replies that held the batch's entries. Most cells refer to them.
  package internal(set) var blocks: [EntryBlock] = []
  /// The number of bytes of all names and values of the batch's entries.
  package internal(set) var byteCount = 0

  init(destinations: [Destination]) {
    rowSets = destinations.map { RowSet(destination: $0) }
  }

  /// Whether entries of the batch may already be in Postgres, because a stream that was rewound or recreated is read again. Only the exact
  /// path decides each entry by what Postgres has, and puts late rows in their place.
  package var mayRepeat: Bool {
    segments.contains { segment in segment.entries.first.map { entries[$0].id <= segment.furthest } ?? false }
  }

  /// Returns the position of the lane after the batch is applied.
  package func lastID(of segment: Segment) -> EntryID {
    segment.entries.isEmpty ? segment.before.position : entries[segment.entries.upperBound - 1].id
  }

  /// Returns the number of entries that Redis had added at the position of the lane after the batch is applied.
  package func lastOrdinal(of segment: Segment) -> UInt64 {
    segment.ordinalBefore + UInt64(segment.entries.count + segment.missing)
  }

  /// Makes dead letters of entries, by index, and removes their rows from the batch.
  package mutating func reject(_ rejections: [Int: Rejection]) {
    for (entry, rejection) in rejections where entries[entry].disposition == .apply {
      entries[entry].disposition = .rejected(rejection)
    }
    for index in rowSets.indices { rowSets[index].remove { rejections[$0] != nil } }
  }

  /// Returns whether another entry that is to be applied has the same event id in the same session, so that the outcome of one depends on
  /// the other.
  package func sharesEventID(_ entry: Int) -> Bool {
    let one = entries[entry]
    guard one.eventID != .null else { return false }
    return entries.indices.contains { index in
      let other = entries[index]
      return index != entry && other.disposition == .apply && other.eventID != .null && other.session == one.session
        && compare(other.eventID, one.eventID) == 0
    }
  }

  /// The entries, by index, at positions that were read before, in another incarnation. An entry that Postgres already has keeps its
  /// outcome, whatever the present rules say about it. Entries that were cut when they were read have the digest ``ContentDigest/none``.
  package var entriesThatMayRepeat: [Int] {
    segments.flatMap { segment in
      segment.entries.filter { entries[$0].id <= segment.furthest && entries[$0].disposition != .ephemeral }
    }
  }

  /// The entries, by index, that Postgres must apply.
  package var applied: [Int] {
    entries.indices.filter { entries[$0].disposition == .apply }
  }
}
