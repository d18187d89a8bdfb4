package import TidemarkPostgres

/// What operators say of lanes: pauses, retries, acknowledged gaps. Kept in the ledger, so that it survives restarts and reaches every worker.
package struct LaneStore: Sendable {
  private let sink: PostgresSink
  private let schema: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    self.schema = try PostgresIdentifier.quoted(schema)
  }

  /// Pauses lanes, or lets them go on. Returns the names that the ledger does not know, of which nothing was changed.
  package func pause(_ names: [String], _ isPaused: Bool) async throws -> [String] {
    try await change("SELECT lane FROM \(schema).pause_lanes($1::text[], $2::boolean) AS lane", names, [.bool(isPaused)])
  }

  /// Lets the workers try these lanes again. Returns the names that the ledger does not know, of which nothing was changed.
  package func retry(_ names: [String]) async throws -> [String] {
    try await change("SELECT lane FROM \(schema).retry_lanes($1::text[]) AS lane", names, [])
  }

  /// All or nothing: a name that is misspelt shows before anything has changed.
  private func change(_ statement: String, _ names: [String], _ others: [PostgresValue]) async throws -> [String] {
    let found = try await sink.query("SELECT lane FROM \(schema).lanes WHERE lane = ANY ($1::text[])", [.textArray(strings: names)])
    let known = Set((0..<found.rowCount).compactMap { found.string($0, "lane") })
    let unknown = names.filter { !known.contains($0) }
    guard unknown.isEmpty else { return unknown }
    _ = try await sink.query(statement, [.textArray(strings: names)] + others)
    return []
  }

  /// The gaps of one lane or of all, in the order in which they were found.
  package func gaps(lane: String?, includesAcknowledged: Bool) async throws -> [RecordedGap] {
    let result = try await sink.query(
      """
      SELECT id, lane, incarnation, \(schema).entry_id(after_ms, after_no) AS after, \(schema).entry_id(before_ms, before_no) AS before,
             missing, at_least, cause, \(Self.time("detected_at")) AS detected_at, \(Self.time("acknowledged_at")) AS acknowledged_at
        FROM \(schema).gaps
       WHERE ($1::text IS NULL OR lane = $1) AND ($2::boolean OR acknowledged_at IS NULL)
       ORDER BY id
      """, [.string(lane), .bool(includesAcknowledged)])
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
    let (condition, parameters): (String, [PostgresValue]) =
      switch gaps {
      case .numbers(let numbers): ("id = ANY ($1::bigint[])", [.integerArray(numbers)])
      case .lane(let lane): ("lane = $1", [.string(lane)])
      case .all: ("true", [])
      }
    let result = try await sink.query(
      "UPDATE \(schema).gaps SET acknowledged_at = now() WHERE acknowledged_at IS NULL AND \(condition) RETURNING id", parameters)
    return (0..<result.rowCount).compactMap { result.int64($0, "id") }.sorted()
  }

  /// Of these numbers, those that no gap has.
  package func unknownGaps(_ numbers: [Int64]) async throws -> [Int64] {
    let result = try await sink.query("SELECT id FROM \(schema).gaps WHERE id = ANY ($1::bigint[])", [.integerArray(numbers)])
    let known = Set((0..<result.rowCount).compactMap { result.int64($0, "id") })
    return numbers.filter { !known.contains($0) }
  }

  /// Whether the ledger has this lane.
  package func knows(_ lane: String) async throws -> Bool {
    try await sink.query("SELECT FROM \(schema).lanes WHERE lane = $1", [.string(lane)]).rowCount > 0
  }

  private static func time(_ column: String) -> String {
    "to_char(\(column) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
  }
}
