internal import TidemarkCore

/// Reads what the ledger knows of a session, for the commands about sessions. All methods throw ``SinkError``.
package struct SessionStore: Sendable {
  /// One change of a session. `body` is the JSON of what it wrote.
  package struct HistoryEntry: Sendable, Equatable {
    package var lane: String
    package var entry: String
    package var seq: Int64?
    package var epoch: Int64?
    package var type: String
    package var actor: String?
    package var at: String
    package var body: String
  }

  /// A tool call that began and has not ended.
  package struct OpenCall: Sendable, Equatable {
    package var session: String
    package var call: String
    package var attempt: Int64
    package var tool: String?
    package var arguments: String?
    package var idempotencyKey: String?
    package var startedAt: String
    /// In seconds.
    package var age: Int64
    /// Whether the function library numbered its start; else it was added to the stream by XADD.
    package var isNumbered: Bool
  }

  private let sink: PostgresSink
  private let sql: SessionSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try SessionSQL(schema: schema)
  }

  /// Returns the last changes of a session, oldest first; nil if the ledger does not know the session.
  package func history(_ session: String, last count: Int) async throws -> [HistoryEntry]? {
    let result = try await sink.query(sql.history, [.string(session), .integer(Int64(count))])
    if result.rowCount == 0, try await sink.hotSessions([session], messages: 0).isEmpty { return nil }
    return (0..<result.rowCount).map { row in
      HistoryEntry(
        lane: result.string(row, "lane") ?? "", entry: result.string(row, "entry") ?? "", seq: result.int64(row, "seq"),
        epoch: result.int64(row, "epoch"), type: result.string(row, "type") ?? "", actor: result.string(row, "actor"),
        at: result.string(row, "at") ?? "", body: result.string(row, "body") ?? "{}")
    }
  }

  /// Returns the calls that have been open for at least `age`, oldest first.
  package func openCalls(session: String?, call: String?, older age: Duration, limit: Int) async throws -> [OpenCall] {
    let result = try await sink.query(
      sql.openCalls, [.string(session), .string(call), .string("\(age.seconds)"), .integer(Int64(limit))])
    return (0..<result.rowCount).map { row in
      OpenCall(
        session: result.string(row, "session_id") ?? "", call: result.string(row, "call_id") ?? "",
        attempt: result.int64(row, "attempt") ?? 0, tool: result.string(row, "tool"), arguments: result.string(row, "arguments"),
        idempotencyKey: result.string(row, "idempotency_key"), startedAt: result.string(row, "started_at") ?? "",
        age: result.int64(row, "age") ?? 0, isNumbered: result.bool(row, "is_numbered") ?? false)
    }
  }

  /// Returns the number of open dead letters of a session in a lane, with the first one's entry and reason; nil if there are none.
  package func deadLetters(of session: String, in lane: String) async throws -> (count: Int, entry: String, reason: String)? {
    let result = try await sink.query(sql.deadLetters, [.string(session), .string(lane)])
    guard let count = result.int64(0, "number") else { return nil }
    return (Int(count), result.string(0, "entry") ?? "", result.string(0, "reason") ?? "")
  }

  /// Returns whether the function library writes a session; nil if the ledger knows no change of it.
  package func isNumbered(_ session: String) async throws -> Bool? {
    try await sink.query(sql.isNumbered, [.string(session)]).bool(0, "is_numbered")
  }
}
