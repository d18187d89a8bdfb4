/// The state that a worker knows to be committed, to be compared with the ledger's later state.
///
/// Within an incarnation a lane's cursor, its ordinal, and the number of its changes only rise, whichever worker owns the lane. So a ledger
/// that has less of a lane than was committed before it was read has gone back: a snapshot of its disk was restored, or it crashed with
/// `synchronous_commit = off`. Neither changes the cluster's identity or its timeline.
///
/// The value must be taken before the ledger is read: commits during the read may or may not be in the result.
package struct CommittedLanes: Sendable {
  private let records: [LaneRecord]

  /// - Parameter records: each lane's last known record, from a commit that was answered or from the ledger itself.
  package init(_ records: [LaneRecord]) {
    self.records = records
  }

  package var names: [String] { records.map(\.name) }

  /// Returns the lanes of which the ledger has less than was committed. A lane without a row counts as having nothing.
  package func rewinds(in found: [LaneRecord]) -> [LedgerRewind] {
    let byName = Dictionary(found.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return records.compactMap { LedgerRewind(of: $0, found: byName[$0.name]) }
  }
}

/// A lane of which the ledger has less than was committed.
package struct LedgerRewind: Sendable, Equatable {
  package var lane: String
  /// The last entry whose outcome was committed.
  package var committed: EntryID
  /// The entry at the ledger's cursor; nil where the ledger has no row for the lane any more.
  package var found: EntryID?
  /// The number of entries that the ledger lacks, as Redis counted them in one incarnation; nil where that can't be told.
  package var lacking: UInt64?

  /// Returns nil where the ledger has all that was committed.
  fileprivate init?(of known: LaneRecord, found: LaneRecord?) {
    lane = known.name
    committed = known.cursor.position
    guard let found else { return }
    self.found = found.cursor.position
    guard found.incarnation <= known.incarnation else { return nil }
    guard found.incarnation == known.incarnation else { return }
    lacking = known.ordinal > found.ordinal ? known.ordinal - found.ordinal : 0
    guard
      found.ordinal < known.ordinal || found.cursor.position < known.cursor.position || found.cursor.appliedNo < known.cursor.appliedNo
    else { return nil }
  }
}

extension LedgerRewind: CustomStringConvertible {
  package var description: String {
    let place = found.map { "back at \($0)" } ?? "not there any more"
    return "\(lane) \(place), committed \(committed)" + (lacking.map { " (\($0) entries)" } ?? "")
  }
}
