/// What the lanes say about a batch whose commit got no answer.
package enum CommitResolution: Sendable, Equatable {
  /// It is in. The lanes as they stand now, in the order of the batch's segments.
  case committed([LaneRecord])
  case notCommitted
  /// These stand neither where the batch begins nor where it ends, or are under another fencing token.
  case lost([Int32])

  /// Compares each lane with the batch. A lane has at most one transaction under way, so its cursor stands where the batch begins
  /// or where it ends; what Redis added only rises, so it can't be both.
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
      // A transaction is in as a whole: a lane that was left behind was moved by somebody.
      self = before.isEmpty ? .committed(committed) : .lost(before)
    }
  }
}
