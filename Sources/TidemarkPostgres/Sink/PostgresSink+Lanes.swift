package import TidemarkCore

/// Lanes that are new to the ledger.
extension PostgresSink {
  package func register(_ lanes: [NewLane]) async throws {
    try await query(sql.register, Self.parameters(of: lanes))
  }

  package func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect] {
    let result = try await query(sql.itemsInEffect, [.textArray(strings: streams)])
    var items: [String: ItemInEffect] = [:]
    for row in 0..<result.rowCount {
      guard let streams = result.string(row, "streams") else { continue }
      var item = items[streams] ?? ItemInEffect(streams: streams)
      if let lane = result.string(row, "lane") { item.unmeasured.insert(lane) }
      items[streams] = item
    }
    return Array(items.values)
  }

  package func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool {
    let result = try await query(
      sql.putInEffect,
      Self.parameters(of: item.lanes) + [
        .string(item.streams), .string("\(item.start)"), .string(worker.name), .textArray(strings: item.unmeasured),
      ])
    return result.bool(0, "is_first") == true
  }

  private static func parameters(of lanes: [NewLane]) -> [PostgresValue] {
    [
      .textArray(strings: lanes.map(\.name)), .integerArray(lanes.map { Int64($0.shard) }),
      .integerArray(lanes.map { $0.position.ledgerMS }), .integerArray(lanes.map { $0.position.ledgerNo }),
      .integerArray(lanes.map { Int64(clamping: $0.baseline) }),
    ]
  }
}
