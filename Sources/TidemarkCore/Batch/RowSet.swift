/// The rows of one destination in one batch: cells are slices of the batch's bytes.
package struct RowSet: Sendable {
  /// A value as text, or NULL.
  package struct Cell: Sendable, Equatable {
    package var start: Int
    /// -1 is NULL.
    package var length: Int

    package static let null = Cell(start: 0, length: -1)

    package var range: Range<Int>? { length < 0 ? nil : start..<start + length }
  }

  package let destination: Destination
  /// Row after row.
  package internal(set) var cells: [Cell] = []
  /// For each row, the index of its entry in the batch.
  package internal(set) var entries: [Int32] = []

  init(destination: Destination) {
    self.destination = destination
  }

  package var rowCount: Int { entries.count }
  package var columnCount: Int { destination.columns.count }

  package func cell(row: Int, column: Int) -> Cell {
    cells[row * columnCount + column]
  }

  /// The rows sorted by key, and within a key by position; where the destination allows it, one row a key. (Rows come in order of
  /// position, except those of one key from several lanes, which misrouted entries make.)
  package func ordered(in batch: ChangeBatch) -> [Int] {
    batch.bytes.withUnsafeBufferPointer { buffer in
      let keys = destination.keyColumns
      let columns = columnCount
      func compare(_ left: Int, _ right: Int) -> Int {
        for column in 0..<keys {
          let (a, b) = (cells[left * columns + column], cells[right * columns + column])
          let order = ByteOrder.compare(buffer, a.range ?? 0..<0, b.range ?? 0..<0)
          if order != 0 { return order }
        }
        return 0
      }
      let sorted = Array(0..<rowCount).sorted { left, right in
        let order = compare(left, right)
        guard order == 0 else { return order < 0 }
        let (a, b) = (batch.entries[Int(entries[left])], batch.entries[Int(entries[right])])
        return a.lane == b.lane || a.id == b.id ? left < right : a.id < b.id
      }
      guard let coalescing = destination.coalescing else { return sorted }
      var kept: [Int] = []
      kept.reserveCapacity(sorted.count)
      for row in sorted {
        if let last = kept.last, compare(last, row) == 0 {
          if coalescing == .keepLast { kept[kept.count - 1] = row }
        } else {
          kept.append(row)
        }
      }
      return kept
    }
  }
}
