/// Which server holds which lane. Every method throws ``SourceError``, and may be called again after it threw.
package protocol LanePlacement: Sendable {
  /// Returns the server of each lane as far as the connection knows, in the order asked. Asks no server where that can be avoided.
  func servers(of lanes: [String]) async throws -> [LaneServer]

  /// Returns once ``servers(of:)`` may answer differently than before, or once another server may stand behind a name. Never returns for a
  /// server that is always the same; throws when the task is cancelled.
  func rearranged() async throws
}

extension LanePlacement {
  /// Waits for the end of the task: the servers of this source never change.
  package func neverRearranged() async throws {
    let (never, end) = AsyncStream<Never>.makeStream()
    defer { end.finish() }
    for await _ in never {}
    throw CancellationError()
  }

  /// Groups items by the server that holds their lane, in the order of their first item.
  package func byServer<Item>(_ items: [Item], lane: (Item) -> String) async throws -> [(server: LaneServer, items: [Item])] {
    var groups: [(server: LaneServer, items: [Item])] = []
    var places: [LaneServer: Int] = [:]
    for (item, server) in zip(items, try await servers(of: items.map(lane))) {
      if let place = places[server] {
        groups[place].items.append(item)
      } else {
        places[server] = groups.count
        groups.append((server, [item]))
      }
    }
    return groups
  }
}
