package import TidemarkCore

extension PostgresSink {
  package func begin(_ incarnation: NewIncarnation) async throws {
    let ended = incarnation.ended
    let numbers: [Int64] = [
      Int64(ended.laneID), ended.fence, Int64(clamping: ended.cursor.position.ms), Int64(clamping: ended.cursor.position.no),
      Int64(clamping: ended.ordinal), ended.cursor.appliedNo, Int64(clamping: incarnation.start.ms), Int64(clamping: incarnation.start.no),
      Int64(clamping: incarnation.startOrdinal), Int64(clamping: incarnation.atLeast),
    ]
    try await query(sql.beginIncarnation, numbers.map { .integer($0) } + [.string(incarnation.cause.rawValue)])
  }

  package func recordBreak(_ lane: LaneRecord, _ cause: LaneGap.Cause, atLeast: UInt64) async throws {
    let numbers = [lane.incarnation, Int64(clamping: lane.cursor.position.ms), Int64(clamping: lane.cursor.position.no)]
    try await query(
      sql.recordBreak,
      [.string(lane.name)] + numbers.map { .integer($0) } + [.integer(Int64(clamping: atLeast)), .string(cause.rawValue)])
  }

  package func mirrored(_ lanes: [LaneRecord]) async throws {
    try await query(
      sql.mirrored,
      [.integerArray(lanes.map { Int64($0.laneID) }), .integerArray(lanes.map(\.fence)), .integerArray(lanes.map(\.incarnation))])
  }
}
