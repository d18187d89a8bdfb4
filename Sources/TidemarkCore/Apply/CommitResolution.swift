/// What the lanes say about a batch whose commit got no answer.
package struct CommitResolution: Sendable, Equatable {
  /// Indices into the batch's segments, with the lane as it stands now.
  package var committed: [Int: LaneRecord] = [:]
  package var notCommitted: [Int] = []
  /// Neither where the batch begins nor where it ends, or under another fencing token.
  package var lost: [Int] = []

  /// Compares each lane with the batch. A lane has at most one transaction under way, so its cursor stands where the batch begins
  /// or where it ends; ids only rise, so it can't be both.
  package init(_ batch: ChangeBatch, _ records: [LaneRecord]) {
    let byID = Dictionary(records.map { ($0.laneID, $0) }, uniquingKeysWith: { first, _ in first })
    for (index, segment) in batch.segments.enumerated() {
      guard let record = byID[segment.laneID], record.fence == segment.fence else {
        lost.append(index)
        continue
      }
      if record.cursor.position == batch.lastID(of: segment) {
        committed[index] = record
      } else if record.cursor == segment.before {
        notCommitted.append(index)
      } else {
        lost.append(index)
      }
    }
  }
}
