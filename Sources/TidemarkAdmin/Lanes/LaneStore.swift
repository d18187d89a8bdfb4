package import TidemarkPostgres

/// What operators say of lanes: pauses, retries, acknowledged gaps. Kept in the ledger, so that it survives restarts and reaches every worker.
package struct LaneStore: Sendable {
  private let sink: PostgresSink
  private let sql: LaneSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try LaneSQL(schema: schema)
  }

  /// Pauses lanes, or lets them go on. Returns the names that the ledger does not know, of which nothing was changed.
  package func pause(_ names: [String], _ isPaused: Bool) async throws -> [String] {
    try await change(sql.pause, names, [.bool(isPaused)])
  }

  /// Lets the workers try these lanes again. Returns the names that the ledger does not know, of which nothing was changed.
  package func retry(_ names: [String]) async throws -> [String] {
    try await change(sql.retry, names, [])
  }

  /// All or nothing: a name that is misspelt shows before anything has changed.
  private func change(_ statement: String, _ names: [String], _ others: [PostgresValue]) async throws -> [String] {
    let found = try await sink.query(sql.known, [.textArray(strings: names)])
    let known = Set((0..<found.rowCount).compactMap { found.string($0, "lane") })
    let unknown = names.filter { !known.contains($0) }
    guard unknown.isEmpty else { return unknown }
    _ = try await sink.query(statement, [.textArray(strings: names)] + others)
    return []
  }

  /// The gaps of one lane or of all, in the order in which they were found.
  package func gaps(lane: String?, includesAcknowledged: Bool) async throws -> [RecordedGap] {
    let result = try await sink.query(sql.gaps, [.string(lane), .bool(includesAcknowledged)])
    return (0..<result.rowCount).map { row in
      RecordedGap(
        id: result.int64(row, "id") ?? 0, lane: result.string(row, "lane") ?? "", incarnation: result.int64(row, "incarnation") ?? 0,
        after: result.string(row, "after"), before: result.string(row, "before"), missing: result.int64(row, "missing"),
        atLeast: result.int64(row, "at_least"), cause: result.string(row, "cause") ?? "",
        detectedAt: result.string(row, "detected_at") ?? "", acknowledgedAt: result.string(row, "acknowledged_at"))
    }
  }

  /// Which gaps are acknowledged.
  package enum Acknowledged: Sendable {
    case numbers([Int64])
    case lane(String)
    case all
  }

  /// Acknowledges open gaps, and returns their numbers. Those that were acknowledged before stay as they are.
  package func acknowledge(_ gaps: Acknowledged) async throws -> [Int64] {
    let parameters: [PostgresValue] =
      switch gaps {
      case .numbers(let numbers): [.integerArray(numbers), .null]
      case .lane(let lane): [.null, .string(lane)]
      case .all: [.null, .null]
      }
    let result = try await sink.query(sql.acknowledge, parameters)
    return (0..<result.rowCount).compactMap { result.int64($0, "id") }.sorted()
  }

  /// Of these numbers, those that no gap has.
  package func unknownGaps(_ numbers: [Int64]) async throws -> [Int64] {
    let result = try await sink.query(sql.knownGaps, [.integerArray(numbers)])
    let known = Set((0..<result.rowCount).compactMap { result.int64($0, "id") })
    return numbers.filter { !known.contains($0) }
  }

  /// Whether the ledger has this lane.
  package func knows(_ lane: String) async throws -> Bool {
    try await sink.query(sql.known, [.textArray(strings: [lane])]).rowCount > 0
  }
}
