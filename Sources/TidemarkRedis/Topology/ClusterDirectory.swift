/// Asks the nodes of a Cluster who holds which slot.
struct ClusterDirectory: Sendable {
  private let configuration: RedisConfiguration
  private let seeds: [RedisNode]

  /// - Parameter configuration: with the endpoint `cluster`.
  init(_ configuration: RedisConfiguration) {
    if case .cluster(let seeds) = configuration.endpoint { self.seeds = seeds } else { seeds = [] }
    self.configuration = configuration.hurried
  }

  /// Asks `first`, then the seeds.
  ///
  /// - Throws: `connectFailed` where none answers; at once what a login is refused with.
  func slots(first: [RedisNode]) async throws -> SlotMap {
    try await configuration.firstAnswer(
      of: first + seeds.filter { !first.contains($0) }, name: "tidemark-cluster",
      failure: { "no node of the Cluster tells its slots (\($0)); correct redis.url" },
      endsAll: { $0.code == .server && ServerErrorClass($0.message) == .refused }
    ) { node, connection in
      let map = try SlotMap(try await connection.send(["CLUSTER", "SLOTS"]), asked: node)
      // One that was removed from the Cluster, or is not yet in it.
      guard !map.nodes.isEmpty else { throw RedisError(.connectFailed, "it belongs to no Cluster whose slots are held") }
      return map
    }
  }
}
