import Testing

@testable import TidemarkCore
@testable import TidemarkPostgres

@Suite struct ExactRowsTests {
  private static func size(_ entries: [HandMade]) -> (sent: Int, read: Int) {
    let block = EntryBlock(entries)
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 64 << 20, replacesNUL: false))
    let record = LaneRecord(
      laneID: 1, name: "one", shard: 0, fence: 1, incarnation: 1, cursor: .init(position: .zero, appliedNo: 0), ordinal: 0,
      baseline: 0, owner: nil)
    builder.append(lane: record, partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<entries.count)])
    let batch = builder.finish()
    let statements = RouteTable.builtIn.destinations.map(\.name)
    let parameters = BatchParameters(batch: batch).exact(batch.applied, statements: statements, window: .seconds(1), isolating: false)
    let sent = parameters.reduce(0) { sum, value in
      switch value {
      case .null: sum
      case .text(let bytes), .binary(let bytes, _): sum + bytes.count
      }
    }
    return (sent, block.bytes.count)
  }

  @Test func `however many quotes there are, what is large is sent once and as it is`() {
    let million = String(repeating: "\"\\", count: 500_000)
    let message = Self.size([HandMade(1, "message.appended", "s", [("role", "user"), ("content", million)])])
    #expect(message.sent < message.read + 4_096)
    // In two tables, and still once.
    let context = Self.size([HandMade(1, "context.set", "s", [("key", "k"), ("value", "\"" + million.replacing("\"", with: "\\") + "\"")])])
    #expect(context.sent < context.read + 4_096)
    let several = Self.size((1...3).map { HandMade($0, "message.appended", "s", [("role", "user"), ("content", million)]) })
    #expect(several.sent < several.read + 4_096)
  }
}
