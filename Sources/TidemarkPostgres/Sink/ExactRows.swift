internal import TidemarkCore

/// Rows as `apply_exactly` takes them: each as one `text[]` literal, in which quotes and backslashes are doubled; what is large goes beside the
/// literals as it is, once.
struct ExactRows {
  /// Bytes of a cell above which it goes beside its row.
  static let large = 64 << 10

  private let batch: ChangeBatch
  private var entries: [Int64] = []
  private var statements: [Int64] = []
  private var values: [[UInt8]] = []
  /// Where each large cell belongs.
  private var places: [(row: Int64, column: Int64, cell: Int64)] = []
  private var largeCells: [Cell] = []

  init(batch: ChangeBatch) {
    self.batch = batch
  }

  /// Adds a row; those of an entry follow each other. Statement 0 is the audit trail.
  mutating func append(_ cells: [Cell], entry: Int, statement: Int) {
    entries.append(Int64(entry))
    statements.append(Int64(statement))
    var literal = ArrayLiteral()
    for (column, cell) in cells.enumerated() {
      if batch.byteCount(of: cell) > Self.large {
        places.append((Int64(values.count + 1), Int64(column + 1), Int64(number(of: cell))))
        literal.appendNull()
      } else if let text = batch.text(of: cell) {
        literal.append(text)
      } else {
        literal.appendNull()
      }
    }
    values.append(literal.finish())
  }

  /// The place of a large cell among them. Those of an entry follow each other, and an entry's rows share some.
  private mutating func number(of cell: Cell) -> Int {
    if let known = largeCells.suffix(8).firstIndex(of: cell) { return known + 1 }
    largeCells.append(cell)
    return largeCells.count
  }

  func parameters() -> [PostgresValue] {
    [
      .integerArray(entries), .integerArray(statements), .texts(values.map { $0[...] }),
      .integerArray(places.map(\.row)), .integerArray(places.map(\.column)), .integerArray(places.map(\.cell)),
      .texts(largeCells.map { batch.text(of: $0) }),
    ]
  }
}
