package import TidemarkServers

/// A Redis Cluster of three masters with a replica each, on loopback ports.
///
/// A node is taken for dead after two seconds without an answer; its replica takes over within two more. `command` of a node
/// follows no redirection: a key of another node is answered with `MOVED` or `ASK`.
package final class RedisCluster: Sendable {
  package static let slots = 0..<16_384

  /// All six; which of them are masters changes.
  package let nodes: [RedisServer]

  /// `options` are for each of the nodes; their port is chosen here.
  package init(_ options: RedisServer.Options = .init()) throws {
    nodes = try (0..<6).map { _ in
      var options = options
      options.port = try FreePort.nextWithClusterBus()
      // However long a replica was without its master: with a slow machine's delays it is still the one to take over.
      let own = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-replica-validity-factor", "0"]
      options.arguments = own + ["--repl-diskless-sync-delay", "0"] + options.arguments
      return RedisServer(options)
    }
  }

  /// Starts the nodes, makes a cluster of them, and returns once all see it whole and the replicas are in step.
  package func start() async throws {
    do {
      for node in nodes { try await node.start() }
      let addresses = nodes.map { "127.0.0.1:\($0.port)" }
      try await RedisServer.client.output(["--cluster", "create"] + addresses + ["--cluster-replicas", "1", "--cluster-yes"])
      try await waitUntilSettled()
      for node in nodes {
        try await waitUntil("the replica has its master", within: .seconds(60)) {
          let text = try await node.command("INFO", "replication")
          return text.contains("role:master") || text.contains("master_link_status:up")
        }
      }
    } catch {
      await close()
      throw error
    }
  }

  /// Waits until all nodes that run see the cluster whole and agree on who holds which slot.
  package func waitUntilSettled(within limit: Duration = .seconds(60)) async throws {
    try await waitUntil("the nodes of the cluster agree", within: limit) { try await settledView() != nil }
  }

  /// The nodes that hold slots now.
  package func masters() async throws -> [RedisServer] {
    try await view().nodes.filter { !$0.slots.isEmpty }.map { try node($0) }
  }

  /// The master that holds `slot` now.
  package func master(of slot: Int) async throws -> RedisServer {
    guard let owner = try await view().owner(of: slot) else { throw ServerError(.misuse, "no node holds slot \(slot)") }
    return try node(owner)
  }

  /// The replica of `master` now, where it has one that is well.
  package func replica(of master: RedisServer) async throws -> RedisServer? {
    let view = try await view()
    let id = view.nodes.first { $0.port == master.port }?.id
    return try view.nodes.first { $0.masterID == id && !$0.hasFailed }.map { try node($0) }
  }

  /// Waits until `master` has a replica that is well, and returns it. On a busy machine a node may be suspected of having failed for a moment.
  package func waitForReplica(of master: RedisServer) async throws -> RedisServer {
    var found: RedisServer?
    try await waitUntil("the master on port \(master.port) has a replica") {
      found = try await replica(of: master)
      return found != nil
    }
    guard let found else { throw ServerError(.misuse, "the master on port \(master.port) has no replica") }
    return found
  }

  /// The slot of a key, as the cluster reckons it.
  package func slot(of key: String) async throws -> Int {
    guard let slot = Int(try await anyNode.command("CLUSTER", "KEYSLOT", key)) else {
      throw ServerError(.programFailed, "the cluster has no slot for the key")
    }
    return slot
  }

  /// Kills the master of `slot` (SIGKILL) and returns it. Started again, it becomes a replica.
  @discardableResult
  package func killMaster(of slot: Int) async throws -> RedisServer {
    let master = try await master(of: slot)
    await master.kill()
    return master
  }

  /// Waits until another node than `old` holds `slot` and all that run agree on it; returns that node.
  @discardableResult
  package func waitForMaster(of slot: Int, otherThan old: RedisServer, within limit: Duration = .seconds(180)) async throws -> RedisServer {
    var found = old
    try await waitUntil("a replica took over slot \(slot)", within: limit) {
      guard let owner = try await settledView()?.owner(of: slot), owner.port != old.port else { return false }
      found = try node(owner)
      return true
    }
    return found
  }

  /// Kills the master of `slot` and waits for its replica to take over; returns that.
  @discardableResult
  package func failOver(slot: Int) async throws -> RedisServer {
    try await waitForMaster(of: slot, otherThan: try await killMaster(of: slot))
  }

  /// Stops all for good and removes their folders.
  package func close() async {
    for node in nodes { await node.close() }
  }

  /// Any node that runs.
  var anyNode: RedisServer {
    get throws {
      guard let node = nodes.first(where: { $0.pid != nil }) else { throw ServerError(.misuse, "no node of the cluster runs") }
      return node
    }
  }

  /// The id by which the nodes know each other.
  func id(of node: RedisServer) async throws -> String { try await node.command("CLUSTER", "MYID") }

  private func view() async throws -> ClusterView {
    ClusterView(try await anyNode.command("CLUSTER", "NODES"))
  }

  private func node(_ node: ClusterView.Node) throws -> RedisServer {
    guard let server = nodes.first(where: { $0.port == node.port }) else {
      throw ServerError(.misuse, "the node on port \(node.port) is none of ours")
    }
    return server
  }

  /// What all that run agree on, where they do.
  private func settledView() async throws -> ClusterView? {
    var settled: ClusterView?
    for node in nodes where node.pid != nil {
      let view = ClusterView(try await node.command("CLUSTER", "NODES"))
      let isWhole = try await node.command("CLUSTER", "INFO").contains("cluster_state:ok")
      guard isWhole, view.nodes.count == nodes.count, settled == nil || settled?.owners == view.owners else { return nil }
      settled = view
    }
    return settled
  }
}
