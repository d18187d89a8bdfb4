/// What a worker knows to be committed, to be compared with what the ledger says later.
///
/// Within an incarnation a lane's cursor, what Redis had added at it, and the number of its changes only rise, whoever owns the lane. So a ledger
/// that has less of a lane than was committed before it was asked has gone back: a snapshot of its disk was restored, or it crashed with
/// `synchronous_commit = off`. Neither changes the cluster's identity or its timeline.
///
/// The value has to be taken before the ledger is asked: what is committed meanwhile may or may not be in the answer.
package struct CommittedLanes: Sendable {
  private let records: [LaneRecord]

  /// - Parameter records: each lane's last known record, from a commit that was answered or from the ledger itself.
  package init(_ records: [LaneRecord]) {
    self.records = records
  }

  package var names: [String] { records.map(\.name) }

  /// The lanes of which the ledger has less than was committed. A lane without a row has nothing.
  package func rewinds(in found: [LaneRecord]) -> [LedgerRewind] {
    let byName = Dictionary(found.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return records.compactMap { LedgerRewind(of: $0, found: byName[$0.name]) }
  }
}

/// A lane of which the ledger has less than it had.
package struct LedgerRewind: Sendable, Equatable {
  package var lane: String
  /// The last entry whose outcome was committed.
  package var committed: EntryID
  /// The entry at which the ledger stands; nil where it does not know the lane any more.
  package var found: EntryID?
  /// Entries of the lane that it lacks, as far as Redis counted them in one incarnation; nil where that can't be told.
  package var lacking: UInt64?

  /// Nil where the ledger has all that was committed.
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
