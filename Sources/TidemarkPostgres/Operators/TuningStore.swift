package import TidemarkCore

/// Stores what operators tune. It is in the ledger, so that it survives restarts and reaches every worker.
package struct TuningStore: Sendable {
  /// The changes of each lane that are measured at most.
  private static let measuredChanges: Int64 = 50_000

  private let sink: PostgresSink
  private let sql: TuneSQL

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    sql = try TuneSQL(schema: schema)
  }

  /// Returns the last row of each setting that was ever tuned. Like all methods, throws ``SinkError``.
  package func tuning() async throws -> [TunedSetting] { try await sink.tuning() }

  /// Returns the number of the last change; 0 where nothing was ever tuned.
  package func latest() async throws -> Int64 { try await sink.query(sql.latest).int64(0, "change") ?? 0 }

  /// Returns the last entries of the history, the newest change first.
  package func history(_ limit: Int) async throws -> [TuningEntry] {
    let result = try await sink.query(sql.history, [.integer(Int64(limit))])
    return (0..<result.rowCount).map { row in
      TuningEntry(
        change: result.int64(row, "change") ?? 0,
        place: TunedSetting.Place(lanes: result.string(row, "lane") ?? "", key: result.string(row, "key") ?? ""),
        from: result.string(row, "from_value"), to: result.string(row, "to_value"), at: result.string(row, "at") ?? "",
        by: result.string(row, "changed_by") ?? "", why: result.string(row, "why"), undoes: result.int64(row, "undoes"))
    }
  }

  /// Measures the transactions of these lanes in the last ten minutes, as far as the last changes of each lane show them. What waits is not
  /// known here.
  ///
  /// - Parameter limit: the entries at which a transaction is full.
  package func recentBatches(of lanes: [String], fullAt limit: Int) async throws -> BatchMeasure {
    let result = try await sink.query(
      sql.recentBatches, [.textArray(strings: lanes), .integer(Self.measuredChanges), .integer(Int64(limit))])
    func count(_ column: String) -> Int { Int(result.int64(0, column) ?? 0) }
    return BatchMeasure(
      transactions: count("transactions"), full: count("full_ones"), entries: count("entries"),
      seconds: result.string(0, "seconds").flatMap { Double($0) } ?? 0, waiting: nil)
  }

  /// Makes one change of all wishes, or none. Returns its number; nil if another change came after the one that the caller has seen.
  package func change(
    _ wishes: [TuningWish], by: String, why: String?, undoing undone: Int64? = nil, after seen: Int64
  ) async throws -> Int64? {
    try await sink.query(
      sql.change,
      [
        .integer(seen), .string(by), .string(why), undone.map { .integer($0) } ?? .null,
        .textArray(strings: wishes.map(\.place.lanes)), .textArray(strings: wishes.map(\.place.key)),
        .textArray(strings: wishes.map(\.value)),
      ]
    ).int64(0, "change")
  }
}
