internal import TidemarkCore

/// Cells in Postgres' binary formats.
///
/// A cell of another kind than its column's type wants goes as its text: Postgres then refuses it as a fault of the record, and the
/// exact path reads it by the type's own input function.
struct BinaryCells {
  let batch: ChangeBatch

  /// Bytes that ``put(_:as:_:)`` writes, the length included.
  @inline(__always)
  func size(of cell: Cell, as type: BinaryType) -> Int {
    switch (cell, type) {
    case (.null, _): 4
    case (.integer, .bigint), (.time, .timestamptz): 12
    case (.integer, .integer): 8
    case (.boolean, .boolean): 5
    case (.read(_, _, let length), .text), (.made(_, let length), .text): 4 + Int(length)
    case (.read(_, _, let length), .jsonb), (.made(_, let length), .jsonb): 5 + Int(length)
    case (.session(let number), .text): 4 + batch.sessions[Int(number)].count
    case (_, .jsonb): 5 + textSize(of: cell)
    default: 4 + textSize(of: cell)
    }
  }

  private func textSize(of cell: Cell) -> Int {
    batch.text(of: cell)?.count ?? 0
  }

  @inline(__always)
  func put(_ cell: Cell, as type: BinaryType, _ cursor: inout BinaryCursor) {
    switch (cell, type) {
    case (.null, _): cursor.putNull()
    case (.integer(let number), .bigint): cursor.putValue(number)
    case (.integer(let number), .integer): cursor.putValue(Int32(clamping: number))
    case (.time(let milliseconds), .timestamptz): cursor.putTime(milliseconds: milliseconds)
    case (.boolean(let value), .boolean): cursor.putValue(UInt8(value ? 1 : 0))
    case (_, .jsonb): batch.text(of: cell)?.withUnsafeBytes { cursor.putJSON($0) }
    default: batch.text(of: cell)?.withUnsafeBytes { cursor.putValue($0) }
    }
  }

  /// A cell as a parameter.
  func value(_ cell: Cell, as type: BinaryType) -> PostgresValue {
    guard cell != .null else { return .null }
    return PostgresValue.binary(of: type, size: size(of: cell, as: type)) { put(cell, as: type, &$0) }
  }

  /// A column as an array.
  func array(of type: BinaryType, count: Int, _ cell: (Int) -> Cell) -> PostgresValue {
    let size = (0..<count).reduce(0) { $0 + self.size(of: cell($1), as: type) }
    return PostgresValue.array(of: type, count: count, size: size) { cursor in
      for index in 0..<count { put(cell(index), as: type, &cursor) }
    }
  }
}

extension BinaryCursor {
  /// A bytea.
  mutating func putDigest(_ digest: ContentDigest) {
    put(Int32(ContentDigest.byteCount))
    put(digest.high)
    put(digest.low)
  }
}
