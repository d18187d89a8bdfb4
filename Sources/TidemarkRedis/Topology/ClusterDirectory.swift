internal import NIOPosix

/// Asks the nodes of a Cluster who holds which slot.
struct ClusterDirectory: Sendable {
  /// A node that does not answer is to be passed over quickly: the next one knows as much.
  private static let patience = Duration.seconds(1)

  private let configuration: RedisConfiguration
  private let seeds: [RedisNode]

  /// - Parameter configuration: with the endpoint `cluster`.
  init(_ configuration: RedisConfiguration) {
    if case .cluster(let seeds) = configuration.endpoint { self.seeds = seeds } else { seeds = [] }
    var own = configuration
    own.connectTimeout = min(configuration.connectTimeout, Self.patience)
    own.commandTimeout = min(configuration.commandTimeout, Self.patience)
    self.configuration = own
  }

  /// The first answer counts. Asks `first`, then the seeds.
  ///
  /// - Throws: `connectFailed` where none answers, with what each said.
  func slots(first: [RedisNode]) async throws -> SlotMap {
    var failures: [String] = []
    for node in first + seeds.filter({ !first.contains($0) }) {
      do {
        let connection = try await RedisConnection.open(
          configuration.at(node), name: "tidemark-cluster", on: MultiThreadedEventLoopGroup.singleton)
        defer { Task { await connection.close() } }
        let map = try SlotMap(try await connection.send(["CLUSTER", "SLOTS"]), asked: node)
        // One that was removed from the Cluster, or is not yet in it.
        guard !map.nodes.isEmpty else { throw RedisError(.connectFailed, "it belongs to no Cluster whose slots are held") }
        return map
      } catch let error as RedisError {
        guard error.code != .server || ServerErrorClass(error.message) != .refused else { throw error }
        failures.append("\(node): \(error.message)")
      }
    }
    throw RedisError(.connectFailed, "no node of the Cluster tells its slots (\(failures.joined(separator: "; "))); correct redis.url")
  }
}
