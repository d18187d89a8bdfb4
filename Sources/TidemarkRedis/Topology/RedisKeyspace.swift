/// A Redis of any kind as one space of keys, for short tasks that access keys by name.
///
/// Connections are opened when they are needed; ``close()`` ends them. Calls may come from any task. Errors are ``RedisError``.
package actor RedisKeyspace {
  /// The number of redirections that one call follows.
  private static let redirections = 8

  private let configuration: RedisConfiguration
  private let name: String
  /// The topology; nil for a single server.
  private let topology: ClusterTopology?
  private var open: [ClusterTopology.Holder?: RedisConnection] = [:]

  package init(_ configuration: RedisConfiguration, name: String) {
    self.configuration = configuration
    self.name = name
    if case .cluster = configuration.endpoint { topology = ClusterTopology(configuration) } else { topology = nil }
  }

  /// Returns a connection to each server: one, or every master of a Cluster.
  package func connections() async throws -> [RedisConnection] {
    guard let topology else { return [try await connection(to: nil)] }
    var all: [RedisConnection] = []
    for node in try await topology.nodes() { all.append(try await connection(to: .init(node: node, asks: false))) }
    return all
  }

  /// Sends each command to the server of its key, in one pipeline per server, and follows redirections. The replies are in the order of the
  /// commands. Commands on one key stay in order unless its slot moves meanwhile. After a failure of a server the keys are soon located
  /// again, because a replica may have taken over.
  package func pipeline(_ commands: [(key: String, command: [RedisArgument])]) async throws -> [RedisReply] {
    guard let topology else { return try await connection(to: nil).pipeline(commands.map(\.command)) }
    do {
      return try await following(commands, topology)
    } catch {
      await topology.suspect()
      throw error
    }
  }

  private func following(
    _ commands: [(key: String, command: [RedisArgument])], _ topology: ClusterTopology
  ) async throws -> [RedisReply] {
    var replies = [RedisReply](repeating: .null, count: commands.count)
    var left = Array(commands.indices)
    for _ in 0...Self.redirections {
      let holders = try await topology.knownHolders(of: left.map { commands[$0].key })
      let places = Dictionary(grouping: zip(left, holders), by: \.1)
      var redirected: [Redirection: [String]] = [:]
      left = []
      for (holder, items) in places {
        let indices = items.map(\.0)
        for (index, reply) in zip(indices, try await connection(to: holder).pipeline(indices.map { commands[$0].command })) {
          replies[index] = reply
          guard case .error(let message) = reply, let redirection = Redirection(message, asked: holder.node.host) else { continue }
          redirected[redirection, default: []].append(commands[index].key)
          left.append(index)
        }
      }
      if left.isEmpty { break }
      for (redirection, keys) in redirected { try await topology.redirected(keys, by: redirection) }
    }
    return replies
  }

  /// Returns the names of the streams on all servers that match a glob pattern. Scans all keys.
  package func streams(matching pattern: String) async throws -> [String] {
    var names: Set<String> = []
    for connection in try await connections() { names.formUnion(try await connection.streams(matching: pattern)) }
    return Array(names)
  }

  package func close() async {
    for connection in open.values { await connection.close() }
    open = [:]
  }

  private func connection(to holder: ClusterTopology.Holder?) async throws -> RedisConnection {
    if let connection = open[holder], connection.isOpen { return connection }
    let connection = try await RedisConnection.connect(holder.map { configuration.at($0) } ?? configuration, name: name)
    open[holder] = connection
    return connection
  }
}
