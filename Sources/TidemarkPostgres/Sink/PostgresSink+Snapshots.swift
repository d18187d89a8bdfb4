package import TidemarkCore

extension PostgresSink: SnapshotLedger {
  package func snapshotProgress(of lanes: [Int32]) async throws -> [Int32: EntryID] {
    let result = try await query(sql.snapshotProgress, [.integerArray(lanes.map { Int64($0) })])
    let places = (0..<result.rowCount).compactMap { row -> (Int32, EntryID)? in
      guard let lane = result.int64(row, "lane_id"), let entry = result.entryID(row) else { return nil }
      return (Int32(clamping: lane), entry)
    }
    return Dictionary(places) { $1 }
  }

  package func recordSnapshotProgress(_ progress: [Int32: EntryID]) async throws {
    let places = progress.sorted { $0.key < $1.key }
    try await query(
      sql.recordSnapshotProgress,
      [
        .integerArray(places.map { Int64($0.key) }), .integerArray(places.map(\.value.ledgerMS)),
        .integerArray(places.map(\.value.ledgerNo)),
      ])
  }

  package func changedSessions(of lane: Int32, after entry: EntryID, types: [String], rows: Int) async throws -> [ChangedSession] {
    let result = try await query(
      sql.changedSessions,
      [
        .integer(Int64(lane)), .integer(entry.ledgerMS), .integer(entry.ledgerNo), .textArray(strings: types), .integer(Int64(rows)),
      ])
    return (0..<result.rowCount).compactMap { row in
      guard let total = result.int64(row, "total"), let ms = result.int64(row, "last_ms"), let no = result.int64(row, "last_no") else {
        return nil
      }
      let first = result.int64(row, "first_ms").flatMap { ms in result.int64(row, "first_no").map { EntryID(ledgerMS: ms, ledgerNo: $0) } }
      return ChangedSession(
        session: result.string(row, "session_id"), total: Int(clamping: total), changes: Int(clamping: result.int64(row, "changes") ?? 0),
        isTaken: result.bool(row, "is_taken") ?? false, first: first, last: EntryID(ledgerMS: ms, ledgerNo: no))
    }
  }

  package func takeSnapshots(_ orders: [SnapshotOrder]) async throws -> Int {
    guard !orders.isEmpty else { return 0 }
    let result = try await query(
      sql.takeDueSnapshots,
      [
        .textArray(strings: orders.map(\.session)), .integerArray(orders.map(\.entry.ledgerMS)),
        .integerArray(orders.map(\.entry.ledgerNo)),
        .integerArray(orders.map { Int64($0.lane) }), .textArray(strings: orders.map(\.reason.rawValue)),
      ])
    return Int(clamping: result.int64(0, "taken") ?? 0)
  }
}
