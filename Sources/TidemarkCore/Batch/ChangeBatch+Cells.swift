/// Resolves cells to their bytes and texts.
///
/// These methods use no generics and no closures: the sink calls them for every cell of a batch, and a generic call across modules costs
/// more than the work itself.
extension ChangeBatch {
  /// Returns the bytes to which a cell refers, without a copy. Returns nil for NULL and for numbers.
  package func bytes(of cell: Cell) -> ArraySlice<UInt8>? {
    switch cell {
    case .read(let block, let start, let length): blocks[Int(block)].bytes[Int(start)..<Int(start) + Int(length)]
    case .made(let start, let length): made[start..<start + Int(length)]
    case .session(let number): sessions.bytes[sessions[Int(number)]]
    case .null, .integer, .time, .boolean: nil
    }
  }

  /// Returns a cell as text that Postgres' input functions read. Returns nil for NULL.
  package func text(of cell: Cell) -> ArraySlice<UInt8>? {
    switch cell {
    case .null: nil
    case .read, .made, .session: bytes(of: cell)
    case .integer, .time, .boolean: Self.text(of: cell)[...]
    }
  }

  private static func text(of number: Cell) -> [UInt8] {
    var text: [UInt8] = []
    switch number {
    case .integer(let number): DecimalText.append(number, to: &text)
    case .time(let milliseconds): TimestampText.append(milliseconds: milliseconds, to: &text)
    case .boolean(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
    case .null, .read, .made, .session: break
    }
    return text
  }

  /// Returns the number of bytes to which a cell refers; 0 for NULL and for numbers.
  package func byteCount(of cell: Cell) -> Int {
    switch cell {
    case .read(_, _, let length), .made(_, let length): Int(length)
    case .session(let number): sessions[Int(number)].count
    case .null, .integer, .time, .boolean: 0
    }
  }

  /// Compares two cells of one key column. Bytes compare as in collation "C"; NULL compares like an empty text.
  func compare(_ left: Cell, _ right: Cell) -> Int {
    if case .session(let a) = left, case .session(let b) = right { return Int(sessionRanks[Int(a)]) - Int(sessionRanks[Int(b)]) }
    if case .integer(let a) = left, case .integer(let b) = right { return a < b ? -1 : a > b ? 1 : 0 }
    guard let a = bytes(of: left) else { return -byteCount(of: right) }
    guard let b = bytes(of: right) else { return a.count }
    return a.withUnsafeBytes { a in b.withUnsafeBytes { b in ByteOrder.compare(a, b) } }
  }
}
