import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct RowSetTests {
  private struct Row: Equatable {
    var key: [String?]
    var position: EntryID
    var lane: Int32
    var index: Int
  }

  /// Returns a batch with rows in the order of arrival: ids rise within a lane, but a batch has several lanes.
  private static func batch(
    _ random: inout SeededGenerator, coalescing: Destination.Coalescing?, keys: Int, sessions: Bool
  ) -> (batch: ChangeBatch, rows: [Row]) {
    let columns = (0..<3).map { Destination.Column("c\($0)") }
    var batch = ChangeBatch(destinations: [Destination("d", .call, key: keys, coalescing: coalescing, columns)])
    var rows: [Row] = []
    let texts: [String?] = ["", "a", "ab", "b", "é", "aa", "B", nil]
    // Lanes come in any order, and their ids are often equal.
    let laneIDs = ([1, 2, 3] as [Int32]).shuffled(using: &random)
    for lane in 0..<random.below(4) {
      batch.segments.append(.of(laneIDs[lane]))
      var id = EntryID(ms: 1 + UInt64(random.below(8)), no: 0)
      for _ in 0..<random.below(12) {
        id.ms += UInt64(1 + random.below(2))
        batch.entries.append(BatchEntry(lane: lane, id: id, block: 0, indexInBlock: 0, disposition: .apply))
        var row = Row(key: [], position: id, lane: laneIDs[lane], index: rows.count)
        for column in 0..<3 {
          var text = column == 2 ? "\(rows.count)" : texts[random.below(texts.count)]
          // A session is never NULL.
          if column == 0, sessions { text = text ?? "" }
          if column < keys { row.key.append(text) }
          guard let text else {
            batch.rowSets[0].cells.append(.null)
            continue
          }
          if column == 0, sessions {
            let session = Array(text.utf8).withUnsafeBytes { batch.sessions.insert($0) }
            batch.rowSets[0].cells.append(.session(Int32(session.number)))
          } else {
            batch.rowSets[0].cells.append(.made(start: batch.made.count, length: UInt32(text.utf8.count)))
            batch.made += text.utf8
          }
        }
        batch.rowSets[0].entries.append(Int32(batch.entries.count - 1))
        rows.append(row)
      }
    }
    batch.sessionRanks = batch.sessions.ranks()
    return (batch, rows)
  }

  private static func isBefore(_ left: [String?], _ right: [String?]) -> Bool {
    for (a, b) in zip(left, right) {
      let (a, b) = (Array((a ?? "").utf8), Array((b ?? "").utf8))
      if a != b { return a.lexicographicallyPrecedes(b) }
    }
    return false
  }

  @Test(arguments: [nil, .keepFirst, .keepLast] as [Destination.Coalescing?], [(1, true), (1, false), (2, true), (2, false)])
  func `rows are sorted by key, and the first or the last row of a key is kept, as in a naive model`(
    coalescing: Destination.Coalescing?, key: (columns: Int, beginsWithSession: Bool)
  ) {
    for seed in 0..<150 {
      var random = SeededGenerator(seed: UInt64(seed))
      let (batch, rows) = Self.batch(&random, coalescing: coalescing, keys: key.columns, sessions: key.beginsWithSession)
      var model = rows.sorted { left, right in
        if Self.isBefore(left.key, right.key) { return true }
        if Self.isBefore(right.key, left.key) { return false }
        return (left.position, left.lane, left.index) < (right.position, right.lane, right.index)
      }
      func sameKey(_ a: Row, _ b: Row) -> Bool { !Self.isBefore(a.key, b.key) && !Self.isBefore(b.key, a.key) }
      if let coalescing {
        model = model.enumerated().filter { place, row in
          let neighbour = coalescing == .keepFirst ? place - 1 : place + 1
          return !model.indices.contains(neighbour) || !sameKey(model[neighbour], row)
        }.map(\.element)
      }
      #expect(batch.rowSets[0].ordered(in: batch) == model.map { RowSet.Ordered(row: $0.index) }, "seed \(seed)")
    }
  }

  @Test func `rows of one session and one lane keep the order of arrival, and each lane keeps its first`() {
    let entries = (1...3).map { (EntryID(ms: $0, no: 0), change("a")) }
    let batch = ChangeBatch.of([
      (LaneRecord.named("one", id: 2), entries), (LaneRecord.named("two", id: 1), Array(entries.dropFirst())),
    ])
    let rows = batch.rowSets[0]
    #expect(rows.destination.name == "ensure_sessions")
    let sent = rows.ordered(in: batch).map { row in (0..<3).map { batch.text(rows.cell(row, column: $0)) } }
    #expect(sent == [["s", "1", "1970-01-01 00:00:00.002+00"], ["s", "2", "1970-01-01 00:00:00.001+00"]])
  }

  /// Returns the rows of one key after joining, each given by the columns behind the key that it fills.
  private static func joined(_ rows: [[Int]]) -> [[Int?]] {
    let columns = ["key", "a", "b", "c", "d"].map { Destination.Column($0) }
    var batch = ChangeBatch(destinations: [Destination("d", .call, key: 1, coalescing: .join, columns)])
    _ = [UInt8](arrayLiteral: 1).withUnsafeBytes { batch.sessions.insert($0) }
    batch.sessionRanks = [0]
    for (index, filled) in rows.enumerated() {
      let id = EntryID(ms: UInt64(index + 1), no: 0)
      batch.entries.append(BatchEntry(lane: 0, id: id, block: 0, indexInBlock: 0, disposition: .apply))
      batch.rowSets[0].cells.append(.session(0))
      for column in 1...4 { batch.rowSets[0].cells.append(filled.contains(column) ? .integer(Int64(index)) : .null) }
      batch.rowSets[0].entries.append(Int32(index))
    }
    let set = batch.rowSets[0]
    return set.ordered(in: batch).map { row in
      (1...4).map { column in
        if case .integer(let number) = set.cell(row, column: column) { Int(number) } else { nil }
      }
    }
  }

  @Test func `a row that fills only later columns continues the row before it, and no other`() {
    #expect(Self.joined([[1, 2], [3]]) == [[0, 0, 1, nil]])
    #expect(Self.joined([[1], [4]]) == [[0, nil, nil, 1]])
    // The end before the beginning, a column twice, an overlap: each row stays separate.
    #expect(Self.joined([[3], [1]]) == [[nil, nil, 0, nil], [1, nil, nil, nil]])
    #expect(Self.joined([[1], [1], [3]]) == [[0, nil, nil, nil], [1, nil, 2, nil]])
    #expect(Self.joined([[1, 3], [2, 4]]) == [[0, nil, 0, nil], [nil, 1, nil, 1]])
    // Two rows are joined, not three.
    #expect(Self.joined([[1], [2], [3]]) == [[0, 1, nil, nil], [nil, nil, 2, nil]])
  }
}

extension ChangeBatch.Segment {
  /// Returns the part of a lane of which only the number matters.
  fileprivate static func of(_ laneID: Int32) -> ChangeBatch.Segment {
    ChangeBatch.Segment(
      laneID: laneID, lane: "lane \(laneID)", fence: 1, incarnation: 1, before: LaneCursor(position: .zero, appliedNo: 0),
      ordinalBefore: 0, furthest: .zero, entries: 0..<0, gaps: [])
  }
}
