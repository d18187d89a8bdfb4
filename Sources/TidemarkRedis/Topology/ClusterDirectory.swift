internal import TidemarkCore

/// Asks the nodes of a Cluster for the holders of the slots.
struct ClusterDirectory: Sendable {
  private let configuration: RedisConfiguration
  private let seeds: [RedisNode]

  /// - Parameter configuration: must have the endpoint `cluster`.
  init(_ configuration: RedisConfiguration) {
    if case .cluster(let seeds) = configuration.endpoint { self.seeds = seeds } else { seeds = [] }
    self.configuration = configuration.hurried
  }

  /// Asks `first`, then the seeds.
  ///
  /// - Throws: `connectFailed` if no node answers; the error of a refused login at once.
  func slots(first: [RedisNode]) async throws -> SlotMap {
    try await configuration.firstAnswer(
      of: first + seeds.filter { !first.contains($0) }, name: "tidemark-cluster",
      failure: { "no node of the Cluster reports its slots (\($0)); correct redis.url" },
      endsAll: { $0.code == .server && ServerErrorClass($0.message) == .refused }
    ) { node, connection in
      let map = try SlotMap(try await connection.send(["CLUSTER", "SLOTS"]), asked: node)
      // The node was removed from the Cluster, or has not joined it yet.
      guard !map.nodes.isEmpty else { throw RedisError(.connectFailed, "it belongs to no Cluster with assigned slots") }
      return map
    }
  }
}
