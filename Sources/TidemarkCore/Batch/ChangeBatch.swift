/// What one transaction applies: entries of one or several lanes, and the rows that they make.
///
/// A value that can be sent again: nothing in it depends on how often it was tried.
package struct ChangeBatch: Sendable {
  /// One lane's part.
  package struct Segment: Sendable {
    package var laneID: Int32
    package var lane: String
    package var fence: Int64
    package var incarnation: Int64
    /// Where the lane must stand for this batch to be applied.
    package var before: LaneCursor
    /// Digest of the entry there, and what Redis had added by then.
    package var anchorBefore: AnchorDigest?
    package var ordinalBefore: UInt64
    /// The furthest position that the lane ever reached.
    package var furthest: EntryID
    /// Indices into ``ChangeBatch/entries``; empty where there is nothing but gaps.
    package var entries: Range<Int>
    /// Digest of the last of them, or of the entry where the lane stands.
    package var anchorAfter: AnchorDigest?
    /// What was lost up to its end.
    package var gaps: [LaneGap]

    package var missing: Int { gaps.reduce(0) { $0 + $1.missing } }
  }

  package internal(set) var segments: [Segment] = []
  package internal(set) var entries: [BatchEntry] = []
  /// One for each destination of the routes, in the order in which they are applied.
  package internal(set) var rowSets: [RowSet]
  /// The sessions of its entries.
  package internal(set) var sessions = ByteStringSet()
  /// For each session its place in the order of keys.
  package internal(set) var sessionRanks: [Int32] = []
  /// What was made of what was read: JSON objects, text with replacements.
  package internal(set) var made: [UInt8] = []
  /// The replies that the entries came in. Most cells refer to them.
  package internal(set) var blocks: [EntryBlock] = []
  /// Of its entries' names and values.
  package internal(set) var byteCount = 0

  init(destinations: [Destination]) {
    rowSets = destinations.map { RowSet(destination: $0) }
  }

  /// Whether some of it may be in Postgres already: a stream that was rewound or recreated is read again. Only the exact path decides each
  /// entry by what is there, and finds what is late its place.
  package var mayRepeat: Bool {
    segments.contains { segment in segment.entries.first.map { entries[$0].id <= segment.furthest } ?? false }
  }

  /// Where the lane stands once this is applied.
  package func lastID(of segment: Segment) -> EntryID {
    segment.entries.isEmpty ? segment.before.position : entries[segment.entries.upperBound - 1].id
  }

  /// What Redis had added by then.
  package func lastOrdinal(of segment: Segment) -> UInt64 {
    segment.ordinalBefore + UInt64(segment.entries.count + segment.missing)
  }

  /// Makes entries dead letters, by index: their rows leave the batch.
  package mutating func reject(_ rejections: [Int: Rejection]) {
    for (entry, rejection) in rejections where entries[entry].disposition == .apply {
      entries[entry].disposition = .rejected(rejection)
    }
    for index in rowSets.indices { rowSets[index].remove { rejections[$0] != nil } }
  }

  /// Whether another entry to be applied carries the same producer's id in the same session: then its outcome depends on that one's.
  package func sharesEventID(_ entry: Int) -> Bool {
    let one = entries[entry]
    guard one.eventID != .null else { return false }
    return entries.indices.contains { index in
      let other = entries[index]
      return index != entry && other.disposition == .apply && other.eventID != .null && other.session == one.session
        && compare(other.eventID, one.eventID) == 0
    }
  }

  /// Entries, by index, at positions that were read before, in another incarnation: one that Postgres has stays what it is there, whatever
  /// today's rules say of it. The digest is ``ContentDigest/none`` of those that were cut when they were read.
  package var entriesThatMayRepeat: [Int] {
    segments.flatMap { segment in
      segment.entries.filter { entries[$0].id <= segment.furthest && entries[$0].disposition != .ephemeral }
    }
  }

  /// The entries that Postgres shall apply, by index.
  package var applied: [Int] {
    entries.indices.filter { entries[$0].disposition == .apply }
  }
}
