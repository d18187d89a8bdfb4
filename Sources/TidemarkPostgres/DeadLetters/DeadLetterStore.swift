package import TidemarkCore

/// Lists, shows, replays and discards dead letters.
package struct DeadLetterStore: Sendable {
  package struct Filter: Sendable {
    package var lane: String?
    package var reason: String?
    package var includesResolved: Bool
    package var limit: Int

    package init(lane: String?, reason: String?, includesResolved: Bool, limit: Int) {
      self.lane = lane
      self.reason = reason
      self.includesResolved = includesResolved
      self.limit = limit
    }

    var parameters: [PostgresValue] { [.string(lane), .string(reason), .bool(includesResolved)] }
  }

  let sink: PostgresSink
  let sql: DeadLetterSQL
  private let routes: RouteTable
  private let limits: EntryDecoder.Limits
  private let lanes: LaneCatalog

  package init(sink: PostgresSink, schema: String, routes: RouteTable, limits: EntryDecoder.Limits, lanes: LaneCatalog) throws {
    self.sink = sink
    sql = try DeadLetterSQL(schema: schema)
    self.routes = routes
    self.limits = limits
    self.lanes = lanes
  }

  /// Returns the oldest letters that match a filter, by number.
  package func list(_ filter: Filter) async throws -> [DeadLetter] {
    let result = try await sink.query(sql.list, filter.parameters + [.integer(Int64(filter.limit))])
    return (0..<result.rowCount).compactMap { Self.letter(result, $0) }
  }

  /// Returns the number of letters that match a filter by reason, in descending order; the filter's limit is ignored.
  package func counts(_ filter: Filter) async throws -> [(reason: String, count: Int64)] {
    let result = try await sink.query(sql.counts, filter.parameters)
    return (0..<result.rowCount).map { (result.string($0, "reason") ?? "", result.int64($0, "count") ?? 0) }
  }

  /// Returns whether Tidemark knows a lane with this name, or a dead letter of one.
  package func isKnown(lane: String) async throws -> Bool {
    let result = try await sink.query(sql.isKnownLane, [.string(lane)])
    return result.bool(0, "known") ?? false
  }

  /// Returns one letter with its bytes; nil if no letter has this number.
  package func letter(_ id: Int64) async throws -> DeadLetter? {
    let result = try await sink.query(sql.letter, [.integer(id)])
    guard result.rowCount == 1, var letter = Self.letter(result, 0) else { return nil }
    let raw = try await sink.query(sql.raw, [.integer(id)])
    letter.raw = (0..<raw.rowCount).compactMap { raw.bytes($0, "part") }
    return letter
  }

  /// Returns the open letters after a number that match a filter, at most as many as its limit.
  package func openLetters(_ filter: Filter, after id: Int64) async throws -> [Int64] {
    let result = try await sink.query(sql.open, filter.parameters + [.integer(id), .integer(Int64(filter.limit))])
    return (0..<result.rowCount).compactMap { result.int64($0, "id") }
  }

  /// Returns the letters with these numbers that exist, without their bytes.
  package func letters(_ ids: [Int64]) async throws -> [DeadLetter] {
    let result = try await sink.query(sql.letters, [.integerArray(ids)])
    return (0..<result.rowCount).compactMap { Self.letter(result, $0) }
  }

  /// Creates a replay, which applies each letter at its own position; it never overwrites a later value.
  package func makeReplay() throws -> DeadLetterReplay {
    DeadLetterReplay(store: self, replayer: try sink.makeReplayer())
  }

  /// Builds the batch of some letters, in their order, for the current state of their lane.
  func batch(_ letters: [DeadLetter], for record: LaneRecord) -> ChangeBatch {
    var builder = BatchBuilder(routes: routes, limits: limits, entryCount: letters.count)
    let chunks = letters.enumerated().map { LaneChunk(block: EntryBlock(id: $1.entry, raw: $1.raw), blockID: $0, entries: 0..<1) }
    builder.append(lane: record, partition: lanes.profile(of: record.name)?.partition, chunks)
    return builder.finish()
  }

  private static func letter(_ result: PostgresResult, _ row: Int) -> DeadLetter? {
    guard let id = result.int64(row, "id"), let ms = result.int64(row, "entry_ms"), let no = result.int64(row, "entry_no") else {
      return nil
    }
    return DeadLetter(
      id: id, lane: result.string(row, "lane") ?? "", entry: EntryID(ledgerMS: ms, ledgerNo: no),
      session: result.string(row, "session_id"), reason: result.string(row, "reason") ?? "", detail: result.string(row, "detail") ?? "",
      sqlstate: result.string(row, "sqlstate"), at: result.string(row, "at") ?? "", age: result.int64(row, "age") ?? 0,
      resolvedAt: result.string(row, "resolved_at"),
      resolution: result.string(row, "resolution"), isComplete: result.bool(row, "raw_complete") ?? false)
  }
}
