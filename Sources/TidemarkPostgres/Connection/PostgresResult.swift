internal import TidemarkCore

/// Rows of one statement, copied out of libpq.
package struct PostgresResult: Sendable {
  package let columns: [String]
  package let rowCount: Int
  /// Rows that an INSERT, UPDATE, DELETE, MERGE, SELECT or COPY counted; 0 for other commands.
  package let affectedRows: Int
  /// What the server calls it: `INSERT 0 5`, `COMMIT`, `ROLLBACK`.
  package let commandTag: String

  // All cells behind one another, so that a row costs no allocation.
  private let bytes: [UInt8]
  private let cells: [Cell]

  struct Cell: Sendable {
    var start: Int
    /// -1 for NULL.
    var length: Int
  }

  init(columns: [String], rowCount: Int, affectedRows: Int, commandTag: String, bytes: [UInt8], cells: [Cell]) {
    self.columns = columns
    self.rowCount = rowCount
    self.affectedRows = affectedRows
    self.commandTag = commandTag
    self.bytes = bytes
    self.cells = cells
  }

  /// The cell as the server wrote it. Nil for NULL, and where there is no such row or column.
  package func raw(_ row: Int, _ column: Int) -> ArraySlice<UInt8>? {
    guard row >= 0, row < rowCount, column >= 0, column < columns.count else { return nil }
    let cell = cells[row * columns.count + column]
    guard cell.length >= 0 else { return nil }
    return bytes[cell.start..<cell.start + cell.length]
  }

  package func raw(_ row: Int, _ column: String) -> ArraySlice<UInt8>? {
    columns.firstIndex(of: column).flatMap { raw(row, $0) }
  }

  package func string(_ row: Int, _ column: String) -> String? {
    raw(row, column).map { String(decoding: $0, as: UTF8.self) }
  }

  package func string(_ row: Int, _ column: Int) -> String? {
    raw(row, column).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Nil also for what is not an integer.
  package func int64(_ row: Int, _ column: String) -> Int64? {
    string(row, column).flatMap { Int64($0) }
  }

  package func int64(_ row: Int, _ column: Int) -> Int64? {
    string(row, column).flatMap { Int64($0) }
  }

  package func bool(_ row: Int, _ column: String) -> Bool? {
    raw(row, column).flatMap(Self.bool)
  }

  package func bool(_ row: Int, _ column: Int) -> Bool? {
    raw(row, column).flatMap(Self.bool)
  }

  /// A `bytea` cell, decoded from hex. Nil also for what is not `bytea`.
  package func bytes(_ row: Int, _ column: String) -> [UInt8]? {
    raw(row, column).flatMap(Self.decodeHex)
  }

  package func bytes(_ row: Int, _ column: Int) -> [UInt8]? {
    raw(row, column).flatMap(Self.decodeHex)
  }

  private static func bool(_ cell: ArraySlice<UInt8>) -> Bool? {
    switch cell {
    case [UInt8(ascii: "t")]: true
    case [UInt8(ascii: "f")]: false
    default: nil
    }
  }

  private static func decodeHex(_ cell: ArraySlice<UInt8>) -> [UInt8]? {
    cell.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")]) ? Hex.bytes(cell.dropFirst(2)) : nil
  }
}
