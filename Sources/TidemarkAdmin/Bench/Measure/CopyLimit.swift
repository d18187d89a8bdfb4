internal import Foundation
internal import TidemarkPostgres

/// Measures the limit of Postgres: the rows that a drain wrote, by binary COPY into empty copies of its tables with the same indexes, one
/// table after the other. Rows are copied in the order of writing and in the order of their keys; the faster one counts.
struct CopyLimit: Sendable {
  let place: BenchPlace
  let connection: PostgresConnection
  /// A folder that the server's user may write into; nil for COPY through the connection.
  let folder: String?
  /// A random part of the files' names. Other users may write into the folder too, and a link with a guessed name would lead the server
  /// elsewhere.
  private let run = UUID().uuidString

  init(place: BenchPlace, connection: PostgresConnection, folder: String?) {
    self.place = place
    self.connection = connection
    self.folder = folder
  }

  /// A table that a drain has filled.
  struct Table: Sendable {
    var name: String
    var columns: String
    /// The columns of the primary key.
    var key: String?
    var rows: Int64
  }

  /// The bookkeeping tables, which have few rows regardless of the load.
  private static let bookkeeping = ["lanes", "leases", "workers", "checkpoints", "migrations"]

  func tables() async throws -> [Table] {
    let found = try await connection.query(
      """
      SELECT c.relname AS name,
             (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
             (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
                FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (attnum, n), pg_attribute a
               WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum) AS key
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL ($2::text[]::name[])
       ORDER BY 1
      """, [.string(place.schema), .textArray(strings: Self.bookkeeping)], deadline: .seconds(30))
    var tables: [Table] = []
    for row in 0..<found.rowCount {
      guard let name = found.string(row, "name"), let columns = found.string(row, "columns") else { continue }
      let rows = try await count(name)
      if rows > 0 { tables.append(Table(name: name, columns: columns, key: found.string(row, "key"), rows: rows)) }
    }
    return tables
  }

  func count(_ table: String) async throws -> Int64 {
    try await connection.query("SELECT count(*) FROM \(try qualified(table))", deadline: BenchPlace.deadline).int64(0, 0) ?? 0
  }

  func measure(_ tables: [Table], changes: Int, progress: @Sendable (String) -> Void) async throws -> CopyLimitResult {
    var seconds: [CopyLimitResult.Order: Double] = [:]
    let usesFiles = try await canUseFiles()
    for order in CopyLimitResult.Order.allCases {
      progress("COPY, \(order.rawValue) order")
      seconds[order] = try await measure(tables, order, usesFiles: usesFiles)
    }
    return CopyLimitResult(
      changes: changes, source: usesFiles ? .serverFiles : .connection, secondsInWrittenOrder: seconds[.written] ?? 0,
      secondsInKeyOrder: seconds[.key] ?? 0)
  }

  private func measure(_ tables: [Table], _ order: CopyLimitResult.Order, usesFiles: Bool) async throws -> Double {
    var data: [[UInt8]] = []
    for table in tables {
      let sort = order == .key ? table.key ?? "ctid" : "ctid"
      let rows = "(SELECT \(table.columns) FROM \(try qualified(table.name)) ORDER BY \(sort))"
      if usesFiles {
        try await connection.script("COPY \(rows) TO \(try file(table, order)) (FORMAT binary)", deadline: BenchPlace.deadline)
      } else {
        data.append(try await connection.copyOut("COPY \(rows) TO STDOUT (FORMAT binary)", deadline: BenchPlace.deadline))
      }
      try await connection.script(
        "CREATE TABLE \(try copy(of: table)) (LIKE \(try qualified(table.name)) INCLUDING ALL)", deadline: .seconds(60))
    }
    try await place.settle(connection)
    let start = ContinuousClock.now
    for (index, table) in tables.enumerated() {
      let target = "COPY \(try copy(of: table)) (\(table.columns)) FROM"
      if usesFiles {
        try await connection.script("\(target) \(try file(table, order)) (FORMAT binary)", deadline: BenchPlace.deadline)
      } else {
        let rows = data[index]
        _ = try await connection.copyIn("\(target) STDIN (FORMAT binary)", deadline: BenchPlace.deadline) { try $0.append(rows) }
      }
    }
    let seconds = start.duration(to: .now).seconds
    for table in tables {
      guard try await count("copy_of_\(table.name)") == table.rows else {
        throw Finding(.problem, "bench", "the COPY of \(table.name) is not complete")
      }
      try await connection.script("DROP TABLE \(try copy(of: table))", deadline: .seconds(60))
      if usesFiles { try? FileManager.default.removeItem(atPath: path(table.name, order)) }
    }
    return seconds
  }

  /// Returns whether COPY by the server works. The server reads the files itself, so it must share this machine's disk, and its role must
  /// be allowed to.
  private func canUseFiles() async throws -> Bool {
    guard folder != nil else { return false }
    let allowed = try await connection.query(
      "SELECT pg_has_role('pg_read_server_files', 'USAGE') AND pg_has_role('pg_write_server_files', 'USAGE') AS allowed",
      deadline: .seconds(10))
    guard allowed.bool(0, "allowed") == true else { return false }
    do {
      let probe = path("probe", .written)
      try await connection.script("COPY (SELECT 1) TO \(try PostgresIdentifier.literal(probe)) (FORMAT binary)", deadline: .seconds(10))
      return FileManager.default.fileExists(atPath: probe)
    } catch let error as PostgresError where error.kind != .cancelled && error.kind != .connection {
      return false
    }
  }

  private func path(_ table: String, _ order: CopyLimitResult.Order) -> String { "\(folder ?? "")/\(run)-\(table)-\(order.rawValue)" }

  private func file(_ table: Table, _ order: CopyLimitResult.Order) throws -> String {
    try PostgresIdentifier.literal(path(table.name, order))
  }

  private func qualified(_ table: String) throws -> String {
    "\(try PostgresIdentifier.quoted(place.schema)).\(try PostgresIdentifier.quoted(table))"
  }

  private func copy(of table: Table) throws -> String { try qualified("copy_of_\(table.name)") }
}
