/// Stores operators' requests for lanes: pauses, retries, acknowledged gaps. They are in the ledger, so that they survive restarts and
/// reach every worker.
package struct LaneStore: Sendable {
  private let sink: PostgresSink
  private let sql: LaneSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try LaneSQL(schema: schema)
  }

  /// Pauses or resumes lanes. Returns the names that the ledger does not know; if there are any, nothing was changed.
  package func pause(_ names: [String], _ isPaused: Bool) async throws -> [String] {
    try await change(sql.pause, names, [.bool(isPaused)])
  }

  /// Requests a retry of these lanes. Returns the names that the ledger does not know; if there are any, nothing was changed.
  package func retry(_ names: [String]) async throws -> [String] {
    try await change(sql.retry, names, [])
  }

  /// Changes all lanes or none, so that a misspelt name is found before anything has changed.
  private func change(_ statement: String, _ names: [String], _ others: [PostgresValue]) async throws -> [String] {
    let found = try await sink.query(sql.known, [.textArray(strings: names)])
    let known = Set((0..<found.rowCount).compactMap { found.string($0, "lane") })
    let unknown = names.filter { !known.contains($0) }
    guard unknown.isEmpty else { return unknown }
    _ = try await sink.query(statement, [.textArray(strings: names)] + others)
    return []
  }

  /// Returns the gaps of one lane or of all lanes, in the order in which they were found.
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

  /// The gaps that a call acknowledges.
  package enum Acknowledged: Sendable {
    case numbers([Int64])
    case lane(String)
    case all
  }

  /// Acknowledges open gaps and returns their numbers. Gaps that were acknowledged before are not changed.
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

  /// Returns those of these numbers that no gap has.
  package func unknownGaps(_ numbers: [Int64]) async throws -> [Int64] {
    let result = try await sink.query(sql.knownGaps, [.integerArray(numbers)])
    let known = Set((0..<result.rowCount).compactMap { result.int64($0, "id") })
    return numbers.filter { !known.contains($0) }
  }

  /// Returns whether the ledger has this lane.
  package func knows(_ lane: String) async throws -> Bool {
    try await sink.query(sql.known, [.textArray(strings: [lane])]).rowCount > 0
  }
}
