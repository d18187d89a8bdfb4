/// The result of comparing the lanes with a batch that the fence refused.
package enum FenceResolution: Sendable, Equatable {
  /// The owner and the position are those that the batch expects; only the audit trail has grown, because a dead letter was replayed. The
  /// batch can be built again with these numbers. The records are the lanes as they are now.
  case renumber([LaneRecord])
  /// These lanes have another owner, or were moved by another.
  case lost([Int32])

  /// Compares the lanes that the fence named with the batch.
  package init(_ batch: ChangeBatch, fenced: [Int32], _ records: [LaneRecord]) {
    let byID = Dictionary(records.map { ($0.laneID, $0) }, uniquingKeysWith: { first, _ in first })
    var grown: [LaneRecord] = []
    var lost: [Int32] = []
    for segment in batch.segments where fenced.contains(segment.laneID) {
      if let record = byID[segment.laneID], record.fence == segment.fence, record.incarnation == segment.incarnation,
        record.cursor.position == segment.before.position, record.ordinal == segment.ordinalBefore,
        record.cursor.appliedNo > segment.before.appliedNo
      {
        grown.append(record)
      } else {
        lost.append(segment.laneID)
      }
    }
    self = lost.isEmpty && !grown.isEmpty ? .renumber(grown) : .lost(lost.isEmpty ? fenced : lost)
  }
}
