package import TidemarkCore

extension PostgresSink: SealLedger {
  package func sealLanes(_ lanes: [Int32], most: Int) async throws -> [SealedLane] {
    let result = try await query(sql.sealLanes, [.integerArray(lanes.map { Int64($0) }), .integer(Int64(most))])
    return (0..<result.rowCount).compactMap { row in
      guard let lane = result.int64(row, "lane_id"), let throughNo = result.int64(row, "through_no") else { return nil }
      return SealedLane(
        laneID: Int32(clamping: lane), throughNo: throughNo, link: result.bytes(row, "link"),
        committedAt: result.string(row, "committed_at").flatMap { Double($0) },
        isComplete: result.bool(row, "is_complete") ?? false, missing: result.int64(row, "missing") ?? 0)
    }
  }

  package func contains(_ heads: [SealHead]) async throws -> [Bool] {
    guard !heads.isEmpty else { return [] }
    let result = try await query(
      sql.containedSeals,
      [
        .textArray(strings: heads.map(\.lane)), .integerArray(heads.map(\.throughNo)), .byteaArray(heads.map { $0.link[...] }),
      ])
    return (0..<result.rowCount).map { result.bool($0, "is_contained") ?? false }
  }
}
