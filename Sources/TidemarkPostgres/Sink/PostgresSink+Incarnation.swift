package import TidemarkCore

extension PostgresSink {
  package func begin(_ incarnation: NewIncarnation) async throws {
    let ended = incarnation.ended
    let numbers: [Int64] = [
      Int64(ended.laneID), ended.fence, ended.cursor.position.ledgerMS, ended.cursor.position.ledgerNo,
      Int64(clamping: ended.ordinal), ended.cursor.appliedNo, incarnation.start.ledgerMS, incarnation.start.ledgerNo,
      Int64(clamping: incarnation.startOrdinal), Int64(clamping: incarnation.atLeast), incarnation.lostAfter.ledgerMS,
      incarnation.lostAfter.ledgerNo,
    ]
    try await query(sql.beginIncarnation, numbers.map { .integer($0) } + [.string(incarnation.cause.rawValue)])
  }

  package func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool {
    let numbers = [Int64(lane.laneID), lane.fence, lane.incarnation, incarnation]
    return try await query(sql.raiseIncarnation, numbers.map { .integer($0) }).rowCount > 0
  }

  package func recordBreak(_ lane: LaneRecord, _ replacement: StreamReplacement) async throws {
    let numbers = [
      Int64(lane.laneID), lane.fence, lane.incarnation, replacement.after.ledgerMS, replacement.after.ledgerNo,
      Int64(clamping: replacement.atLeast),
    ]
    try await query(sql.recordBreak, numbers.map { .integer($0) } + [.string(replacement.cause.rawValue)])
  }

  package func mirrored(_ lanes: [LaneRecord]) async throws {
    try await query(
      sql.mirrored,
      [.integerArray(lanes.map { Int64($0.laneID) }), .integerArray(lanes.map(\.fence)), .integerArray(lanes.map(\.incarnation))])
  }
}
