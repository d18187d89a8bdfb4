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
    /// Indices into ``ChangeBatch/entries``; never empty.
    package var entries: Range<Int>
  }

  package internal(set) var segments: [Segment] = []
  package internal(set) var entries: [BatchEntry] = []
  /// One for each destination of the routes, in the order in which they are applied.
  package internal(set) var rowSets: [RowSet]
  /// Holds what every cell refers to.
  package internal(set) var bytes: [UInt8] = []
  /// The replies that the entries came in, for dead letters.
  package internal(set) var blocks: [EntryBlock] = []

  init(destinations: [Destination]) {
    rowSets = destinations.map { RowSet(destination: $0) }
  }

  package func lastID(of segment: Segment) -> EntryID { entries[segment.entries.upperBound - 1].id }

  /// The entries that Postgres shall apply, by index.
  package var applied: [Int] {
    entries.indices.filter { entries[$0].disposition == .apply }
  }
}
