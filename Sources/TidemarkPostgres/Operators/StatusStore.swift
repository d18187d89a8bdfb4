package import TidemarkCore

/// Reads what the status shows of the ledger.
package struct StatusStore: Sendable {
  /// A lane as the ledger has it.
  package struct Lane: Sendable {
    package var record: LaneRecord
    package var state: String
    /// The time of the last change of state, as all times here in RFC 3339 in UTC.
    package var since: String?
    package var lastError: String?
    package var hint: String?
    package var deadLettersOpen: Int?
    package var gapsOpen: Int?
    package var divergencesOpen: Int?
    /// The entry through which the lane is verified, and when that was said last.
    package var verifiedThrough: String?
    package var verifiedAt: String?
    /// Nil where the lane has no checkpoint from which a rate follows.
    package var rate: LaneRate?
  }

  /// A running worker, or one that has died.
  package struct Worker: Sendable {
    package var name: String
    package var host: String?
    package var pid: Int32?
    package var version: String?
    package var startedAt: String?
    package var seenAt: String?
    /// Whether it was seen within the lease's time to live.
    package var isAlive: Bool?
    package var shards: Int?
    package var lanes: Int?
    package var notInForce: String?
    package var tuningRefused: String?
  }

  let sink: PostgresSink
  let quotedSchema: String
  private let sql: StatusSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try StatusSQL(schema: schema)
    quotedSchema = try PostgresIdentifier.quoted(schema)
  }

  /// Asks the server whether it answers. Like all methods, throws ``SinkError``.
  package func ping() async throws {
    try await sink.query("SELECT 1")
  }

  package func lanes() async throws -> [Lane] {
    let result = try await sink.query(sql.lanes)
    return LaneRecord.all(of: result).enumerated().map { row, record in
      Lane(
        record: record, state: result.string(row, "state") ?? "", since: result.string(row, "since"),
        lastError: result.string(row, "last_error"), hint: result.string(row, "hint"),
        deadLettersOpen: result.int64(row, "open").map { Int($0) }, gapsOpen: result.int64(row, "gaps_open").map { Int($0) },
        divergencesOpen: result.int64(row, "divergences_open").map { Int($0) }, verifiedThrough: result.string(row, "verified_through"),
        verifiedAt: result.string(row, "verified_at"),
        rate: Self.rate(of: record, result, row))
    }
  }

  private static func rate(of record: LaneRecord, _ result: PostgresResult, _ row: Int) -> LaneRate? {
    func count(_ column: String) -> Int? { result.int64(row, column).map { Int($0) } }
    let now = LaneRate.Totals(incarnation: record.incarnation, read: record.totals.read, applied: record.totals.applied)
    var checkpoint: LaneRate.Totals?
    if let incarnation = result.int64(row, "checkpoint_incarnation"), let read = count("checkpoint_read"),
      let applied = count("checkpoint_applied")
    {
      checkpoint = LaneRate.Totals(incarnation: incarnation, read: read, applied: applied)
    }
    let age = result.string(row, "checkpoint_age").flatMap { Double($0) }
    return LaneRate.since(checkpoint, age: age, now: now, isOwned: record.owner != nil)
  }

  /// Returns all workers, the oldest first.
  ///
  /// - Parameter ttl: the time to live of a lease, within which a live worker is seen.
  package func workers(leaseTTL ttl: Duration) async throws -> [Worker] {
    let result = try await sink.query(sql.workers, [.string(String(ttl.seconds))])
    return (0..<result.rowCount).map { row in
      Worker(
        name: result.string(row, "worker") ?? "", host: result.string(row, "host"),
        pid: result.int64(row, "pid").flatMap { Int32(exactly: $0) }, version: result.string(row, "version"),
        startedAt: result.string(row, "started_at"), seenAt: result.string(row, "seen_at"), isAlive: result.bool(row, "alive"),
        shards: result.int64(row, "shards").map { Int($0) }, lanes: result.int64(row, "lanes").map { Int($0) },
        notInForce: result.string(row, "not_in_force"), tuningRefused: result.string(row, "tuning_refused"))
    }
  }

  /// Returns the last row of each setting that was ever tuned.
  package func tuning() async throws -> [TunedSetting] { try await sink.tuning() }

  /// Returns the types of change that no release knows, the most frequent first.
  package func unknownTypes() async throws -> [(type: String, entries: Int)] {
    let result = try await sink.query(sql.unknownTypes)
    return (0..<result.rowCount).map { (result.string($0, "type") ?? "", result.int64($0, "entries").map { Int($0) } ?? 0) }
  }

  /// Returns how many lanes no worker has owned for at least this time, and the names of the first of them.
  package func unownedLanes(for time: Duration) async throws -> (count: Int, names: [String]) {
    let result = try await sink.query(sql.unowned, [.string(String(time.seconds))])
    return (Int(result.int64(0, "lanes") ?? 0), (0..<result.rowCount).compactMap { result.string($0, "lane") })
  }

  /// Returns the version to which the schema was migrated; 0 where no migration is recorded.
  package func schemaVersion() async throws -> Int {
    let result = try await sink.query(Migrator.appliedSQL(schema: quotedSchema))
    return (0..<result.rowCount).compactMap { result.int64($0, "version").map { Int($0) } }.max() ?? 0
  }
}
