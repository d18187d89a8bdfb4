package import TidemarkCore

/// Reads what an audit compares. All methods throw ``SinkError``.
package struct AuditStore: Sendable {
  /// A lane as the ledger has it.
  package struct Lane: Sendable, Equatable {
    package var record: LaneRecord
    /// The number of the last sealed change; 0 where none is.
    package var sealedNo: Int64
    /// The newest link; nil where there is none.
    package var link: [UInt8]?
    /// The changes that `forget` erased.
    package var erased: Int64

    package var head: SealHead? { link.map { SealHead(lane: record.name, throughNo: sealedNo, link: $0) } }
  }

  /// The functions that compute and compare seals. Whoever may change the ledger may change these, too.
  private static let functions = ["change_digests", "segment_end", "seal_link", "check_seals"]
  private static let tables = [
    "change_log", "messages", "message_hides", "context_history", "tool_calls", "outcomes", "lanes", "seals", "late_changes",
    "erased_changes", "erasures",
  ]

  private let sink: PostgresSink
  private let sql: AuditSQL
  private let schema: String

  /// Throws ``PostgresError`` for a schema name that can't be quoted.
  package init(sink: PostgresSink, schema: String) throws {
    self.sink = sink
    self.schema = schema
    sql = try AuditSQL(schema: schema)
  }

  /// Returns all lanes, by name.
  package func lanes() async throws -> [Lane] {
    let result = try await sink.query(sql.lanes)
    let names = (0..<result.rowCount).compactMap { result.string($0, "lane") }
    let records = Dictionary(try await sink.lanes(named: names).map { ($0.name, $0) }) { $1 }
    return (0..<result.rowCount).compactMap { row in
      guard let name = result.string(row, "lane"), let record = records[name] else { return nil }
      return Lane(
        record: record, sealedNo: result.int64(row, "sealed_no") ?? 0, link: result.bytes(row, "link"),
        erased: result.int64(row, "erased") ?? 0)
    }
  }

  /// Compares the changes of a lane behind a number with their seals, until a difference is found or about `most` were compared.
  package func check(_ lane: Lane, after number: Int64, most: Int) async throws -> AuditPiece {
    let result = try await sink.query(sql.check, [.integer(Int64(lane.record.laneID)), .integer(number), .integer(Int64(most))])
    let difference = result.string(0, "kind").flatMap { AuditDifference.Kind(rawValue: $0) }.map { kind in
      AuditDifference(
        lane: lane.record.name, kind: kind, no: result.int64(0, "no"), entry: result.string(0, "entry"),
        session: result.string(0, "session_id"))
    }
    return AuditPiece(
      throughNo: result.int64(0, "through_no") ?? number, isComplete: result.bool(0, "is_complete") ?? true, difference: difference)
  }

  /// Returns the number of the last change of a lane that was sealed before a time; 0 where none was.
  ///
  /// - Parameter time: in the format of PostgreSQL.
  package func sealed(before time: String, lane: Lane) async throws -> Int64 {
    try await sink.query(sql.sealedBefore, [.string(lane.record.name), .string(time)]).int64(0, "through_no") ?? 0
  }

  /// Returns the functions and tables of the audit that are not what the migrations made. The audit can't be trusted then.
  package func changedObjects() async throws -> [String] {
    let expected = try SchemaCode.current(schema: schema).bodies
    let result = try await sink.query(sql.functions, [.string(schema), .textArray(strings: Self.functions)])
    var bodies: [String: [String]] = [:]
    for row in 0..<result.rowCount { bodies[result.string(row, "name") ?? "", default: []].append(result.string(row, "body") ?? "") }
    let changed = Self.functions.filter { name in bodies[name] != expected[name].map { [$0] } }
    let tables = try await sink.query(sql.tables, [.string(schema), .textArray(strings: Self.tables)])
    return changed.map { "the function \($0)" } + (0..<tables.rowCount).map { "the table \(tables.string($0, "name") ?? "")" }
  }

  /// Returns for each of these heads whether the lane's chain contains it.
  package func contains(_ heads: [SealHead]) async throws -> [Bool] { try await sink.contains(heads) }

  /// Returns the erasures whose receipts are missing or give another number of changes than are marked as erased.
  package func wrongErasures() async throws -> [(id: Int64, changes: Int64, receipted: Int64)] {
    let result = try await sink.query(sql.wrongErasures)
    return (0..<result.rowCount).map { row in
      (result.int64(row, "erasure_id") ?? 0, result.int64(row, "changes") ?? 0, result.int64(row, "receipted") ?? 0)
    }
  }
}
