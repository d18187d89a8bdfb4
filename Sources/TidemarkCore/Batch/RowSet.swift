/// The rows of one destination in one batch.
package struct RowSet: Sendable {
  package let destination: Destination
  /// The cells of all rows, row after row.
  package internal(set) var cells: [Cell] = []
  /// For each row, the index of its entry in the batch.
  package internal(set) var entries: [Int32] = []

  init(destination: Destination) {
    self.destination = destination
    columnCount = destination.columns.count
    isSortedFurther = destination.columns[..<destination.keyColumns].dropFirst().contains { !$0.isLaneID }
  }

  package var rowCount: Int { entries.count }
  package let columnCount: Int
  /// Whether the key has columns in which rows of one session and one lane differ.
  private let isSortedFurther: Bool

  /// Reserves memory for `rows` rows. Memory that is not used is never touched, and so costs nothing.
  mutating func reserve(_ rows: Int) {
    cells.reserveCapacity(rows * columnCount)
    entries.reserveCapacity(rows)
  }

  package func cell(row: Int, column: Int) -> Cell {
    cells[row * columnCount + column]
  }

  /// A row as it is sent: one row of the set, or two rows that were joined.
  package struct Ordered: Sendable, Equatable {
    package var row: Int
    /// The row that provides the columns from `continuedFrom` on; -1 for a row that was not joined.
    package var continuation = -1
    package var continuedFrom = Int.max
  }

  package func cell(_ ordered: Ordered, column: Int) -> Cell {
    cell(row: column < ordered.continuedFrom ? ordered.row : ordered.continuation, column: column)
  }

  /// Returns a row's cells in the order of columns, without a copy unless the row was joined from two.
  package func cells(of ordered: Ordered) -> ArraySlice<Cell> {
    func columns(_ columns: Range<Int>, of row: Int) -> ArraySlice<Cell> {
      cells[row * columnCount + columns.lowerBound..<row * columnCount + columns.upperBound]
    }
    guard ordered.continuation >= 0 else { return columns(0..<columnCount, of: ordered.row) }
    return columns(0..<ordered.continuedFrom, of: ordered.row) + columns(ordered.continuedFrom..<columnCount, of: ordered.continuation)
  }

  /// Removes the rows of the entries for which `isGone` returns true.
  mutating func remove(_ isGone: (Int) -> Bool) {
    let kept = entries.indices.filter { !isGone(Int(entries[$0])) }
    guard kept.count < entries.count else { return }
    cells = kept.flatMap { cells[$0 * columnCount..<($0 + 1) * columnCount] }
    entries = kept.map { entries[$0] }
  }

  /// Returns the rows sorted by key, and within a key by position; where the destination allows it, one row a key.
  package func ordered(in batch: ChangeBatch) -> [Ordered] {
    // Each row becomes one number, made of the rank of its session and its order of arrival: the key of nearly every destination begins
    // with the session, and comparing numbers costs a tenth of comparing names.
    let ranks = batch.sessionRanks
    var order = [UInt64]()
    order.reserveCapacity(rowCount)
    for row in 0..<rowCount {
      guard case .session(let session) = cell(row: row, column: 0) else { return coalesced(orderedByBytes(in: batch), batch) }
      order.append(UInt64(ranks[Int(session)]) << 32 | UInt64(row))
    }
    order.sort()
    var rows = order.map { Int($0 & 0xFFFF_FFFF) }
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, order[end] >> 32 == order[start] >> 32 { end += 1 }
      if end - start > 1 { sortRun(&rows, start..<end, in: batch) }
      start = end
    }
    return coalesced(rows, batch)
  }

  /// Sorts the rows of one session. They are in the order of arrival, which is the order of positions unless lanes are mixed.
  private func sortRun(_ rows: inout [Int], _ run: Range<Int>, in batch: ChangeBatch) {
    let lane = batch.entries[Int(entries[rows[run.lowerBound]])].lane
    let isMixed = run.contains { batch.entries[Int(entries[rows[$0]])].lane != lane }
    guard isMixed || isSortedFurther else { return }
    rows[run].sort { isBefore($0, $1, in: batch) }
  }

  private func orderedByBytes(in batch: ChangeBatch) -> [Int] {
    (0..<rowCount).sorted { isBefore($0, $1, in: batch) }
  }

  private func isBefore(_ left: Int, _ right: Int, in batch: ChangeBatch) -> Bool {
    let order = compareKeys(left, right, in: batch)
    guard order == 0 else { return order < 0 }
    let (a, b) = (batch.entries[Int(entries[left])], batch.entries[Int(entries[right])])
    guard a.lane != b.lane else { return left < right }
    // Ids are unique within their stream only, so the lane decides between equal ids.
    return (a.id, batch.segments[a.lane].laneID) < (b.id, batch.segments[b.lane].laneID)
  }

  private func compareKeys(_ left: Int, _ right: Int, in batch: ChangeBatch) -> Int {
    for column in 0..<destination.keyColumns {
      let order = batch.compare(cell(row: left, column: column), cell(row: right, column: column))
      if order != 0 { return order }
    }
    return 0
  }

  private func coalesced(_ sorted: [Int], _ batch: ChangeBatch) -> [Ordered] {
    guard let coalescing = destination.coalescing else { return sorted.map { Ordered(row: $0) } }
    var kept: [Ordered] = []
    kept.reserveCapacity(sorted.count)
    for row in sorted {
      guard let last = kept.last, compareKeys(last.row, row, in: batch) == 0 else {
        kept.append(Ordered(row: row))
        continue
      }
      switch coalescing {
      case .keepFirst: break
      case .keepLast: kept[kept.count - 1] = Ordered(row: row)
      case .join:
        if let joined = joined(last, with: row) { kept[kept.count - 1] = joined } else { kept.append(Ordered(row: row)) }
      }
    }
    return kept
  }

  /// Returns `first` continued by `row`. Returns nil where `row` fills a column that is not behind all columns that `first` fills.
  private func joined(_ first: Ordered, with row: Int) -> Ordered? {
    let columns = destination.keyColumns..<columnCount
    guard let start = columns.first(where: { cell(row: row, column: $0) != .null }), first.continuation < 0,
      !columns.contains(where: { $0 >= start && cell(first, column: $0) != .null })
    else { return nil }
    return Ordered(row: first.row, continuation: row, continuedFrom: start)
  }
}
