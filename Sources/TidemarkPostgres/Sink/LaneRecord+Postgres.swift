package import TidemarkCore

extension LaneRecord {
  /// The rows of `lanes`, in their order.
  package static func all(of result: PostgresResult) -> [LaneRecord] {
    (0..<result.rowCount).compactMap { row in
      guard let id = result.int64(row, "lane_id"), let name = result.string(row, "lane"), let position = result.entryID(row) else {
        return nil
      }
      func number(_ column: String) -> Int64 { result.int64(row, column) ?? 0 }
      var totals = LaneCounts()
      totals.read = Int(number("read_total"))
      totals.applied = Int(number("applied_total"))
      totals.duplicates = Int(number("duplicates_total"))
      totals.divergent = Int(number("divergent_total"))
      totals.ephemeral = Int(number("ephemeral_total"))
      totals.skipped = Int(number("skipped_total"))
      totals.deadLetters = Int(number("dead_letters_total"))
      totals.missing = Int(number("missing_total"))
      totals.reread = Int(number("reread_total"))
      totals.misrouted = Int(number("misrouted_total"))
      return LaneRecord(
        laneID: Int32(clamping: id), name: name, shard: Int(number("shard")), fence: number("fence"),
        incarnation: number("incarnation"),
        cursor: LaneCursor(position: position, appliedNo: number("applied_no")),
        ordinal: UInt64(clamping: number("ordinal")), baseline: UInt64(clamping: number("baseline")),
        owner: result.string(row, "owner"), totals: totals, anchor: result.bytes(row, "anchor").flatMap { AnchorDigest(bytes: $0) },
        furthest: EntryID(ledgerMS: number("furthest_ms"), ledgerNo: number("furthest_no")),
        isMirrored: result.bool(row, "mirrored") ?? false,
        installation: result.string(row, "installation").map { InstallationID($0) } ?? .unknown)
    }
  }
}

extension PostgresResult {
  /// The position of a row, from `entry_ms` and `entry_no`.
  func entryID(_ row: Int) -> EntryID? {
    guard let ms = int64(row, "entry_ms"), let no = int64(row, "entry_no") else { return nil }
    return EntryID(ledgerMS: ms, ledgerNo: no)
  }
}

extension PostgresConnection {
  /// Connects when there is no usable connection. One caller at a time: an actor's method without suspension before the connect.
  func ensureConnected(deadline: Duration) async throws {
    guard !isUsable else { return }
    try await connect(deadline: deadline)
  }
}
