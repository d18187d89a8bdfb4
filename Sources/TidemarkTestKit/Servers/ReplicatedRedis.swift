import Foundation
package import TidemarkServers

/// A Redis with two replicas, and three sentinels that make one of them master when it dies.
///
/// A master is taken for dead after four seconds without an answer; a failover takes some two seconds more. Replication is
/// asynchronous: `stopReplication` makes a failover lose what the master acknowledges meanwhile. No replica is promoted whose link to the master
/// was down for ten times those four seconds before it died: with one second a busy machine had no replica left.
package final class ReplicatedRedis: Sendable {
  /// The name that the sentinels know the group by.
  package let serviceName = "tidemark"
  /// The first master, then its replicas.
  package let servers: [RedisServer]
  private let sentinels: [RedisSentinel]

  /// `options` are for each of the servers.
  package init(_ options: RedisServer.Options = .init()) {
    servers = (0..<3).map { _ in RedisServer(options) }
    sentinels = (0..<3).map { _ in RedisSentinel() }
  }

  /// Where the sentinels listen, on 127.0.0.1.
  package var sentinelPorts: [Int] { sentinels.map(\.port) }
  /// The pids of the sentinels that run.
  package var sentinelPids: [Int32] { sentinels.compactMap(\.pid) }

  /// Starts all, and returns once the replicas are in step and the sentinels know them and each other.
  package func start() async throws {
    do {
      for server in servers { try await server.start() }
      try await replicate()
      try await watch()
    } catch {
      await close()
      throw error
    }
  }

  /// The master that all sentinels name.
  package func master() async throws -> RedisServer {
    guard let master = try await agreedMaster() else {
      throw ServerError(.misuse, "the sentinels do not agree on a master: wait for the failover")
    }
    return master
  }

  /// Kills the master (SIGKILL) and returns it. It may be started again: the sentinels make it a replica.
  @discardableResult
  package func killMaster() async throws -> RedisServer {
    let master = try await master()
    await master.kill()
    return master
  }

  /// Waits until all sentinels name one other master than `old` and that takes writes; returns it.
  @discardableResult
  package func waitForMaster(otherThan old: RedisServer, within limit: Duration = .seconds(180)) async throws -> RedisServer {
    var found = old
    try await waitUntil("the sentinels agree on a new master", within: limit) {
      guard let master = try await agreedMaster(), master !== old, try await master.command("ROLE").hasPrefix("master") else {
        return false
      }
      found = master
      return true
    }
    return found
  }

  /// Kills the master and waits for the next; returns that.
  @discardableResult
  package func failOver() async throws -> RedisServer {
    try await waitForMaster(otherThan: try await killMaster())
  }

  /// Nothing that the master writes from here on arrives at a replica. The sentinels see nothing of it.
  ///
  /// Lasts over a failover: the one that stays a replica is in step with the new master only after `resumeReplication`.
  package func stopReplication() async throws {
    for replica in try await replicas() {
      // A master without a password refuses one, so the replica cannot connect again. A stopped replica would find what it
      // missed in its socket, and another REPLICAOF would be corrected by the sentinels.
      try await replica.command("CONFIG", "SET", "masterauth", "refused")
      try await replica.command("CLIENT", "KILL", "TYPE", "master")
      try await waitUntil("the replica has lost its master", within: .seconds(60)) {
        try await replica.command("INFO", "replication").contains("master_link_status:down")
      }
    }
  }

  /// Lets the replicas connect again after `stopReplication`, and waits until they are in step.
  package func resumeReplication() async throws {
    for server in servers where server.pid != nil { try await server.command("CONFIG", "SET", "masterauth", "") }
    for replica in try await replicas() {
      try await waitUntil("the replica has its master", within: .seconds(60)) {
        try await replica.command("INFO", "replication").contains("master_link_status:up")
      }
    }
  }

  /// Stops all for good and removes their folders.
  package func close() async {
    for sentinel in sentinels { await sentinel.close() }
    for server in servers { await server.close() }
  }

  /// Those that run and call themselves replicas.
  private func replicas() async throws -> [RedisServer] {
    var replicas: [RedisServer] = []
    for server in servers where server.pid != nil {
      if try await server.command("ROLE").hasPrefix("slave") { replicas.append(server) }
    }
    return replicas
  }

  private func agreedMaster() async throws -> RedisServer? {
    var ports: Set<String> = []
    for sentinel in sentinels {
      ports.insert(try await sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", serviceName).last ?? "")
    }
    guard ports.count == 1 else { return nil }
    return servers.first { ports.contains("\($0.port)") }
  }

  private func replicate() async throws {
    let master = servers[0]
    // Both are served at once, without the wait for others that might come (5 s by default).
    for server in servers { try await server.command("CONFIG", "SET", "repl-diskless-sync-delay", "0") }
    for replica in servers.dropFirst() { try await replica.command("REPLICAOF", "127.0.0.1", "\(master.port)") }
    // The sentinels ask the master for its replicas when they start, and then every ten seconds only.
    try await waitUntil("the replicas are in step", within: .seconds(60)) {
      try await master.command("INFO", "replication").components(separatedBy: "state=online").count == servers.count
    }
  }

  private func watch() async throws {
    let settings = [
      "sentinel announce-ip 127.0.0.1", "sentinel resolve-hostnames no", "sentinel monitor \(serviceName) 127.0.0.1 \(servers[0].port) 2",
      "sentinel down-after-milliseconds \(serviceName) 4000", "sentinel failover-timeout \(serviceName) 3000",
    ]
    for sentinel in sentinels { try await sentinel.start(settings: settings) }
    for sentinel in sentinels {
      try await waitUntil("the sentinels know all", within: .seconds(60)) {
        let lines = try await sentinel.command("SENTINEL", "MASTER", serviceName)
        // Names and values take turns.
        func value(of name: String) -> String? { lines.firstIndex(of: name).map { lines[$0 + 1] } }
        return value(of: "flags") == "master" && value(of: "num-slaves") == "2" && value(of: "num-other-sentinels") == "2"
      }
    }
  }
}
