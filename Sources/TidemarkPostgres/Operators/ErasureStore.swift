package import TidemarkCore

/// The steps of an erasure in the ledger, each a short transaction. All may be repeated. All methods throw ``SinkError``.
package struct ErasureStore: Sendable {
  /// What an erasure came to.
  package struct Receipt: Sendable, Equatable {
    package var id: Int64
    /// The keyed hash of the subject, in hexadecimal.
    package var subject: String
    package var what: String
    package var isRefused: Bool
    /// JSON: how much was erased, by table.
    package var counts: String
    package var at: String
    package var by: String
    /// Nil: something was left, so that the erasure is not finished.
    package var finishedAt: String?
    /// JSON: what was left, by table.
    package var left: String
  }

  /// The tables that have no key by session, and are gone over page by page. The letters and the audit trail come first: nothing can be
  /// replayed from then on.
  package static let pagedTables = ["dead_letters", "change_log", "event_ids", "earlier_event_ids", "divergences"]
  /// The sessions, lanes and pages of one transaction.
  private static let sessions = 200
  private static let lanes = 100
  private static let pages: Int64 = 2_048

  private let sink: PostgresSink
  private let sql: ErasureSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try ErasureSQL(schema: schema)
  }

  /// Begins an erasure, or finds the one of this subject that was interrupted.
  ///
  /// - Parameters:
  ///   - isRefused: whether later changes of the sessions become dead letters. One that was interrupted keeps what it began with.
  ///   - host: the machine of the command, for the receipt.
  package func begin(_ subject: ErasureSubject, isRefused: Bool, host: String) async throws -> (id: Int64, isResumed: Bool) {
    let result = try await query(
      sql.begin, [.string(subject.kind.rawValue), .string(subject.name), .bool(isRefused), .string(host)])
    return (result.int64(0, "id") ?? 0, result.bool(0, "is_resumed") ?? false)
  }

  /// Returns some sessions of a subject in their order, after one of them: those that were the subject's at an entry not younger than a time in
  /// Unix milliseconds.
  package func sessions(of subject: ErasureSubject, through ms: Int64, after id: String, limit: Int) async throws -> [String] {
    let result = try await query(
      sql.sessionsOfSubject,
      [.string(subject.kind.rawValue), .string(subject.name), .integer(ms), .string(id), .integer(Int64(limit))])
    return (0..<result.rowCount).compactMap { result.string($0, "session_id") }
  }

  /// Marks sessions as forgotten: from now on nothing brings them back. Returns the number of their rows, which are gone.
  package func mark(_ sessions: [String], in erasure: Int64) async throws -> Int {
    Int(try await query(sql.mark, [.integer(erasure), .textArray(strings: sessions)]).int64(0, "deleted") ?? 0)
  }

  /// Returns some sessions of an erasure in their order, after one of them.
  package func sessions(of erasure: Int64, after id: String, limit: Int) async throws -> [String] {
    let result = try await query(sql.sessionsOfErasure, [.integer(erasure), .string(id), .integer(Int64(limit))])
    return (0..<result.rowCount).compactMap { result.string($0, "session_id") }
  }

  /// Waits until no transaction is under way that writes to a lane and began before this call.
  package func waitForWriters() async throws {
    var last: Int64? = 0
    while let lane = last {
      last = try await query(sql.waitForWriters, [.integer(lane), .integer(Int64(Self.lanes))]).int64(0, "last_lane")
    }
  }

  /// Erases what is found by the sessions' ids.
  package func eraseSessions(of erasure: Int64) async throws {
    var last: String? = ""
    while let id = last {
      last = try await query(sql.eraseSessions, [.integer(erasure), .string(id), .integer(Int64(Self.sessions))])
        .string(0, "last_session")
    }
  }

  /// Erases the sessions' rows in one of ``pagedTables``.
  package func erasePages(of table: String, in erasure: Int64) async throws {
    var next: Int64? = 0
    while let page = next {
      next = try await query(sql.erasePages, [.integer(erasure), .string(table), .integer(page), .integer(Self.pages)]).int64(0, "next")
    }
  }

  /// Returns the tables of the schema that have sessions' ids.
  package func tables() async throws -> [String] {
    let result = try await query(sql.tables, [])
    return (0..<result.rowCount).compactMap { result.string($0, "name") }
  }

  /// Returns the number of rows that sessions have in a table.
  package func count(_ sessions: [String], in table: String) async throws -> Int {
    var total = 0
    var next: Int64? = 0
    while let page = next {
      let result = try await query(
        sql.count, [.textArray(strings: sessions), .string(table), .integer(page), .integer(Self.pages)])
      total += Int(result.int64(0, "row_total") ?? 0)
      next = result.int64(0, "next")
    }
    return total
  }

  /// Adds to what the receipt says was erased.
  package func note(_ number: Int, _ kind: String, in erasure: Int64) async throws {
    guard number > 0 else { return }
    _ = try await query(sql.note, [.integer(erasure), .string(kind), .integer(Int64(number))])
  }

  /// Records what the reading of everything has found, and ends the erasure if that is nothing.
  ///
  /// - Parameter ms: the time on Redis' clock up to which entries are of what was forgotten.
  package func finish(_ erasure: Int64, through ms: Int64, left: [String: Int]) async throws -> Receipt {
    let json = left.sorted { $0.key < $1.key }.map { "\(JSONText.quoted($0.key)): \($0.value)" }.joined(separator: ", ")
    let result = try await query(sql.finish, [.integer(erasure), .integer(ms), .string("{\(json)}")])
    return Receipt(
      id: result.int64(0, "id") ?? 0, subject: result.string(0, "subject") ?? "", what: result.string(0, "what") ?? "",
      isRefused: result.bool(0, "is_refused") ?? true, counts: result.string(0, "counts") ?? "{}", at: result.string(0, "at") ?? "",
      by: result.string(0, "by") ?? "", finishedAt: result.string(0, "finished_at"), left: result.string(0, "left_over") ?? "{}")
  }

  private static let patience = Duration.seconds(60)
  private static let retry = RetryPolicy(base: .milliseconds(20), cap: .seconds(1))

  /// Repeats a statement whose locks others hold, or that was chosen to end a deadlock: workers go first.
  private func query(_ sql: String, _ parameters: [PostgresValue]) async throws -> PostgresResult {
    let deadline = ContinuousClock.now.advanced(by: Self.patience)
    var backoff = Backoff()
    while true {
      do {
        return try await sink.query(sql, parameters)
      } catch var error as SinkError {
        if error.sqlstate == "42501" {
          error.hint = "run `tidemark migrate --roles`, and grant the role that may forget: GRANT tidemark_eraser TO your_login"
        }
        guard let state = error.sqlstate, FaultClass.isConflict(state), ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: backoff.next(Self.retry, random: .random(in: 0..<1)))
      }
    }
  }
}
