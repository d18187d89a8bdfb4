import Testing

@testable import TidemarkCore

@Suite struct RowSetTests {
  private struct Row: Equatable {
    var key: [String?]
    var position: EntryID
    var index: Int
  }

  /// Rows in the order of arrival: ids rise within a lane, but a batch has several lanes.
  private static func batch(
    _ random: inout SeededGenerator, coalescing: Destination.Coalescing?, keys: Int
  ) -> (batch: ChangeBatch, rows: [Row]) {
    let columns = (0..<3).map { Destination.Column("c\($0)") }
    var batch = ChangeBatch(destinations: [Destination("d", .call, key: keys, coalescing: coalescing, columns)])
    var rows: [Row] = []
    let texts: [String?] = ["", "a", "ab", "b", "é", "aa", "B", nil]
    for lane in 0..<random.below(4) {
      var id = EntryID(ms: 1 + UInt64(random.below(20)), no: 0)
      for _ in 0..<random.below(12) {
        id.ms += UInt64(random.below(3))
        id.no += 1
        batch.entries.append(BatchEntry(lane: lane, id: id, block: 0, indexInBlock: 0, disposition: .apply))
        var row = Row(key: [], position: id, index: rows.count)
        for column in 0..<3 {
          let text = column == 2 ? "\(rows.count)" : texts[random.below(texts.count)]
          if column < keys { row.key.append(text) }
          guard let text else {
            batch.rowSets[0].cells.append(.null)
            continue
          }
          batch.rowSets[0].cells.append(RowSet.Cell(start: batch.bytes.count, length: text.utf8.count))
          batch.bytes += text.utf8
        }
        batch.rowSets[0].entries.append(Int32(batch.entries.count - 1))
        rows.append(row)
      }
    }
    return (batch, rows)
  }

  private static func isBefore(_ left: [String?], _ right: [String?]) -> Bool {
    for (a, b) in zip(left, right) {
      let (a, b) = (Array((a ?? "").utf8), Array((b ?? "").utf8))
      if a != b { return a.lexicographicallyPrecedes(b) }
    }
    return false
  }

  @Test(arguments: [nil, .keepFirst, .keepLast] as [Destination.Coalescing?], [1, 2])
  func `rows are sorted by key, and of one key the first or the last position is kept, as a naive model does`(
    coalescing: Destination.Coalescing?, keys: Int
  ) {
    for seed in 0..<150 {
      var random = SeededGenerator(seed: UInt64(seed))
      let (batch, rows) = Self.batch(&random, coalescing: coalescing, keys: keys)
      var model = rows.sorted { left, right in
        if Self.isBefore(left.key, right.key) { return true }
        if Self.isBefore(right.key, left.key) { return false }
        return left.position == right.position ? left.index < right.index : left.position < right.position
      }
      func sameKey(_ a: Row, _ b: Row) -> Bool { !Self.isBefore(a.key, b.key) && !Self.isBefore(b.key, a.key) }
      if let coalescing {
        model = model.enumerated().filter { place, row in
          let neighbour = coalescing == .keepFirst ? place - 1 : place + 1
          return !model.indices.contains(neighbour) || !sameKey(model[neighbour], row)
        }.map(\.element)
      }
      #expect(batch.rowSets[0].ordered(in: batch) == model.map(\.index), "seed \(seed)")
    }
  }
}
