/// A Redis as one space of keys, whatever it is made of: for short tasks that write or look up keys by name.
///
/// Connections are made when they are needed; ``close()`` ends them. Calls may come from any task. Errors are ``RedisError``.
package actor RedisKeyspace {
  private let configuration: RedisConfiguration
  private let name: String
  private var slots: SlotMap?
  private var open: [RedisNode?: RedisConnection] = [:]
  /// Redirections that one call follows.
  private static let redirections = 8

  package init(_ configuration: RedisConfiguration, name: String) {
    self.configuration = configuration
    self.name = name
  }

  /// A connection to each server: one, or every master of a Cluster.
  package func connections() async throws -> [RedisConnection] {
    guard case .cluster = configuration.endpoint else { return [try await connection(to: nil)] }
    var all: [RedisConnection] = []
    for node in try await map().nodes { all.append(try await connection(to: node)) }
    return all
  }

  /// Sends commands, each to the server that holds its key, together for each server, and follows redirections. Answers in the order of the
  /// commands. Those of one key stay in order, unless its slot moves meanwhile. After a failure of a server the keys are looked up anew by
  /// the next call: a replica may have taken over.
  package func pipeline(_ commands: [(key: String, command: [RedisArgument])]) async throws -> [RedisReply] {
    do {
      return try await following(commands)
    } catch {
      slots = nil
      throw error
    }
  }

  private func following(_ commands: [(key: String, command: [RedisArgument])]) async throws -> [RedisReply] {
    var replies = [RedisReply](repeating: .null, count: commands.count)
    var left = Array(commands.indices)
    for _ in 0...Self.redirections {
      var places: [RedisNode?: [Int]] = [:]
      for index in left { places[try await node(of: commands[index].key), default: []].append(index) }
      left = []
      for (node, indices) in places {
        let connection = try await connection(to: node)
        for (index, reply) in zip(indices, try await connection.pipeline(indices.map { commands[$0].command })) {
          replies[index] = try await followed(reply, of: commands[index].command, by: node)
          if case .error(let message) = replies[index], Redirection(message, asked: "") != nil { left.append(index) }
        }
      }
      if left.isEmpty { break }
      slots = nil
    }
    return replies
  }

  /// For a key that is on its way the node to which it goes is asked, once.
  private func followed(_ reply: RedisReply, of command: [RedisArgument], by asked: RedisNode?) async throws -> RedisReply {
    guard case .error(let message) = reply, let asked, case .ask(_, let node)? = Redirection(message, asked: asked.host) else {
      return reply
    }
    return try await connection(to: node).pipeline([["ASKING"], command])[1]
  }

  package func close() async {
    for connection in open.values { await connection.close() }
    open = [:]
  }

  /// Nil where there is only one server.
  private func node(of key: String) async throws -> RedisNode? {
    guard case .cluster = configuration.endpoint else { return nil }
    guard let node = try await map().node(of: key) else {
      slots = nil
      throw RedisError(.connectFailed, "no node of \(configuration.address) holds the slot of \(key); see CLUSTER INFO")
    }
    return node
  }

  private func map() async throws -> SlotMap {
    if let slots { return slots }
    let fresh = try await ClusterDirectory(configuration).slots(first: [])
    slots = fresh
    return fresh
  }

  private func connection(to node: RedisNode?) async throws -> RedisConnection {
    if let connection = open[node], connection.isOpen { return connection }
    let connection = try await RedisConnection.connect(node.map { configuration.at($0) } ?? configuration, name: name)
    open[node] = connection
    return connection
  }
}
