/// The result of comparing the lanes with a batch whose commit got no answer.
package enum CommitResolution: Sendable, Equatable {
  /// The batch was committed. The records are the lanes as they are now, in the order of the batch's segments.
  case committed([LaneRecord])
  case notCommitted
  /// These lanes are neither where the batch begins nor where it ends, or are under another fencing token.
  case lost([Int32])

  /// Compares each lane with the batch. A lane has at most one transaction under way, so its cursor is where the batch begins or where the
  /// batch ends; it can't be both, because the number of entries that Redis added only rises.
  package init(_ batch: ChangeBatch, _ records: [LaneRecord]) {
    let byID = Dictionary(records.map { ($0.laneID, $0) }, uniquingKeysWith: { first, _ in first })
    var committed: [LaneRecord] = []
    var before: [Int32] = []
    var lost: [Int32] = []
    for segment in batch.segments {
      guard let record = byID[segment.laneID], record.fence == segment.fence else {
        lost.append(segment.laneID)
        continue
      }
      if record.cursor.position == batch.lastID(of: segment), record.ordinal == batch.lastOrdinal(of: segment) {
        committed.append(record)
      } else if record.cursor == segment.before, record.ordinal == segment.ordinalBefore {
        before.append(segment.laneID)
      } else {
        lost.append(segment.laneID)
      }
    }
    if !lost.isEmpty {
      self = .lost(lost)
    } else if committed.isEmpty {
      self = .notCommitted
    } else {
      // A transaction is committed as a whole, so a lane that is still where the batch begins was moved by another.
      self = before.isEmpty ? .committed(committed) : .lost(before)
    }
  }
}
