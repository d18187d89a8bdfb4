internal import TidemarkCore

/// Which server holds which lane.
extension LaneCoordinator {
  var laneNames: [String] { Array(table.lanes.keys) }

  /// These servers hold these lanes from now on. One that holds none any more is forgotten.
  func place(_ servers: [(lane: String, server: LaneServer)]) {
    for (lane, server) in servers { table.place(lane, at: server) }
    let holding = Set(table.lanes.values.map(\.server))
    for server in Set(redisErrors.keys).union(redisAway.keys) where !holding.contains(server) { redis(server, failed: nil) }
    readable.raise()
    population.raise()
  }

  /// Runs `body` once for each server that holds lanes, as they become known, and returns when all have returned: it is to end with reading.
  nonisolated func forEachServer(_ body: @escaping @Sendable (LaneServer) async -> Void) async {
    await withDiscardingTaskGroup { group in
      var known: Set<LaneServer> = []
      while let server = await server(notAmong: known) {
        known.insert(server)
        group.addTask { await body(server) }
      }
    }
  }

  /// Nil once reading is over.
  private func server(notAmong known: Set<LaneServer>) async -> LaneServer? {
    while !Task.isCancelled, !isDraining {
      let seen = population.generation
      if let server = table.servers.first(where: { !known.contains($0) }) { return server }
      await population.wait(after: seen)
    }
    return nil
  }
}
