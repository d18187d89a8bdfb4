internal import Synchronization
package import TidemarkCore

/// The streams of a Redis Cluster. Each call goes to the nodes that hold its lanes, and follows the lanes when their slots move.
///
/// Each node is treated as a server with its own connections and reader; a node that is asked for keys that are still being migrated to it
/// (`ASKING`) counts as another server. Calls may come from any task.
package final class RedisClusterSource: RedisSource {
  /// The number of redirections that one call follows. A Cluster that redirects in circles gets time instead.
  private static let redirections = 4

  private let configuration: RedisConfiguration
  let lanes: LaneCatalog
  let topology: ClusterTopology
  private let sources = Mutex<[LaneServer: RedisLaneSource]>([:])

  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog) {
    self.configuration = configuration
    self.lanes = lanes
    topology = ClusterTopology(configuration)
  }

  package var groupName: String { lanes.keys.prefix }
  package var readers: (any TaskExecutor)? { nil }
  package var publishers: (any TaskExecutor)? { nil }
  /// A command may name keys of one slot only.
  package var blockingLanes: Int { 1 }

  package func servers(of lanes: [String]) async throws -> [LaneServer] {
    let holders = try await translating { try await topology.holders(of: lanes) }
    // The server is registered under its name for ``source(named:)``.
    for holder in Set(holders.compactMap(\.self)) { _ = source(of: holder) }
    return holders.map { $0?.server ?? Self.nobody }
  }

  /// The server of lanes whose slots no node holds.
  static let nobody = LaneServer("no node")

  package func rearranged() async throws {
    let current = try await translating { try await topology.rearranged() }
    let gone = sources.withLock { sources in
      let gone = sources.keys.filter { server in !current.contains { $0.server == server } }
      return gone.compactMap { sources.removeValue(forKey: $0) }
    }
    for source in gone { await source.close() }
  }

  package func readConnection(to server: LaneServer) -> Int {
    sources.withLock { $0[server] }?.readConnection(to: server) ?? 0
  }

  package func writeConnection(to server: LaneServer) -> WriteConnection? {
    sources.withLock { $0[server] }?.writeConnection(to: server)
  }

  package func close() async {
    for source in sources.withLock({ Array($0.values) }) { await source.close() }
  }

  /// Returns the source of a node that ``servers(of:)`` named.
  func source(named server: LaneServer) throws -> RedisLaneSource {
    guard let source = sources.withLock({ $0[server] }) else {
      throw SourceError(.unavailable, "\(server.name) was never a node of the Cluster")
    }
    return source
  }

  func source(of holder: ClusterTopology.Holder) -> RedisLaneSource {
    sources.withLock { sources in
      if let known = sources[holder.server] { return known }
      let source = RedisLaneSource(configuration.at(holder), lanes: lanes)
      sources[holder.server] = source
      return source
    }
  }

  /// Returns the sources of all masters.
  func masters() async throws -> [RedisLaneSource] {
    try await translating { try await topology.nodes().map { source(of: .init(node: $0, asks: false)) } }
  }

  /// Asks the holders of these items' keys, each for its own items and all at once, and follows redirections. The answers are in the order
  /// of the items; an item may have none.
  func ask<Item: Sendable, Answer: Sendable>(
    _ items: [Item], key: @Sendable (Item) -> String,
    _ question: @escaping @Sendable (RedisLaneSource, [Item]) async throws -> [Answer]
  ) async throws -> [Answer] {
    guard !items.isEmpty else { return [] }
    let keys = items.map(key)
    var redirections = 0
    while true {
      let holders = try await holders(of: keys)
      let groups = Dictionary(grouping: items.indices) { holders[$0] }
      do {
        var answers = [Answer?](repeating: nil, count: items.count)
        try await withThrowingTaskGroup(of: ([Int], [Answer]).self) { tasks in
          for (holder, indices) in groups {
            let (source, part, theirs) = (source(of: holder), indices.map { items[$0] }, indices.map { keys[$0] })
            tasks.addTask { (indices, try await self.suspecting(holder, theirs) { try await question(source, part) }) }
          }
          for try await (indices, part) in tasks {
            for (index, answer) in zip(indices, part) { answers[index] = answer }
          }
        }
        return answers.compactMap { $0 }
      } catch let redirection as Redirection {
        guard redirections < Self.redirections else { throw Self.circling(redirection) }
        redirections += 1
        try await translating { try await topology.redirected(keys, by: redirection) }
      } catch is Doubt {
        await topology.returned(keys)
        throw SourceError(.moved, "a lane is on its way to another node")
      }
    }
  }

  /// Asks one server for these keys and follows no redirection, because another server may hold other data.
  func stay<Answer>(
    on server: LaneServer, _ keys: [String], _ question: (RedisLaneSource) async throws -> Answer
  ) async throws -> Answer {
    let source = try source(named: server)
    do {
      return try await question(source)
    } catch let redirection as Redirection {
      try await translating { try await topology.redirected(keys, by: redirection) }
    } catch is Doubt {
      await topology.returned(keys)
    } catch let error as SourceError where error.kind == .unavailable {
      await topology.suspect()
      if source.asks { await topology.returned(keys) }
      throw error
    }
    throw SourceError(.moved, "a lane has moved to another node, or is on its way")
  }

  /// - Throws: ``SourceError`` also if no node holds one of the keys.
  func holders(of keys: [String]) async throws -> [ClusterTopology.Holder] {
    try await translating { try await topology.knownHolders(of: keys) }
  }

  /// Runs `body`. If a node does not answer, a replica may take over; if the node was asked for keys that are being migrated, they may
  /// never arrive.
  func suspecting<Answer>(_ holder: ClusterTopology.Holder, _ keys: [String], _ body: () async throws -> Answer) async throws -> Answer {
    do {
      return try await body()
    } catch let error as SourceError where error.kind == .unavailable {
      await topology.suspect()
      if holder.asks { await topology.returned(keys) }
      throw error
    }
  }

  private static func circling(_ redirection: Redirection) -> SourceError {
    SourceError(
      .unavailable, "the Cluster's nodes redirect in circles (\(redirection)); it is being resharded, or see CLUSTER INFO")
  }

  func translating<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as RedisError {
      throw SourceError(error, address: configuration.address)
    }
  }
}

/// The error for a node that a slot is being migrated to and that has no such stream: the stream may not have arrived, or may be gone
/// again.
struct Doubt: Error {}

extension RedisLaneSource {
  /// Throws ``Doubt`` if a node that was asked for keys that are being migrated to it does not have all of them.
  func doubt(_ observations: [StreamObservation]) throws {
    if asks, observations.contains(where: { $0.observed.map { $0.stream == nil } ?? false }) { throw Doubt() }
  }

  /// Whether the server is asked for keys that are still being migrated to it.
  var asks: Bool { configuration.clusterManners?.asks == true }
}
