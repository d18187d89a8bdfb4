internal import Foundation
package import TidemarkCore
package import TidemarkRedis

/// Checks the Redis side: connection, version, eviction, persistence, clock, and the types of the lanes' keys.
package struct RedisCheck: Sendable {
  private let configuration: RedisConfiguration
  private let lanes: LaneCatalog
  private let rights: RedisRightsCheck

  /// - Parameter isTrimming: whether workers trim.
  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog, isTrimming: Bool) {
    self.configuration = configuration
    self.lanes = lanes
    rights = RedisRightsCheck(configuration, lanes: lanes, isTrimming: isTrimming)
  }

  /// - Parameter namesUnreadStreams: also looks for streams below the prefix that no lane reads, which scans all keys of Redis.
  package func findings(namesUnreadStreams: Bool = false) async -> [Finding] {
    let hosts = configuration.hostsToldInClearText
    return await session(namesUnreadStreams) + (hosts.isEmpty ? [] : [Self.clearText(hosts)])
  }

  static func clearText(_ hosts: [String]) -> Finding {
    Finding(
      .warning, "redis.tls", "the password goes to \(hosts.joined(separator: ", ")) in clear text: it can be read on the way",
      hint: "let the server speak TLS and write redis.url with rediss://")
  }

  private func session(_ namesUnreadStreams: Bool) async -> [Finding] {
    do {
      let keyspace = RedisKeyspace(configuration, name: "tidemark-check")
      defer { Task { await keyspace.close() } }
      let servers = try await keyspace.connections().map { RedisInspector($0) }
      var versions: Set<String> = []
      do {
        for server in servers {
          try await server.requireSupportedVersion()
          versions.insert(try await server.serverVersion())
        }
      } catch let error as RedisError where error.message.hasPrefix("NOPERM") {
        // The refused right is one of those that are checked now.
        return try await rights.findings(over: keyspace)
      }
      let masters = servers.count > 1 ? " (\(servers.count) masters)" : ""
      var findings = [
        Finding(.ok, "redis", "connected to \(configuration.address)\(masters), version \(versions.sorted().joined(separator: ", "))")
      ]
      let rights = try await rights.findings(over: keyspace)
      findings += rights
      // Further commands would be refused, too.
      guard !rights.contains(where: { $0.severity == .problem }) else { return findings }
      // A finding that several servers share is reported once.
      for server in servers {
        for finding in [try await eviction(server)] + (try await persistence(server)) + [try await clock(server)]
        where !findings.contains(where: { $0.description == finding.description }) {
          findings.append(finding)
        }
      }
      findings += try await types(keyspace)
      if namesUnreadStreams { findings += await unread(keyspace) }
      return findings
    } catch let error as RedisError {
      return [Self.finding(error, configuration, keys: lanes.keys)]
    } catch {
      return [Finding(.problem, "redis", "\(error)")]
    }
  }

  /// Returns the finding for an error. `keys` are given if the error came from reading the installation's own key.
  static func finding(_ error: RedisError, _ configuration: RedisConfiguration, keys: KeyNames? = nil) -> Finding {
    let message = error.message
    if let keys, message.hasPrefix("WRONGTYPE") {
      return Finding(
        .problem, "redis.prefix", "the key \(keys.config) is not a hash, so it is not Tidemark's",
        hint: "rename it, or choose another redis.prefix")
    }
    if message.hasPrefix("WRONGPASS") || message.hasPrefix("NOAUTH") || message.hasPrefix("ERR invalid password")
      || message.contains("without any password configured")
    {
      return Finding(
        .problem, "redis", "\(configuration.address) refuses the login",
        hint: "set redis.password (or TIDEMARK_REDIS_PASSWORD_FILE) and redis.username to what the server accepts")
    }
    if message.hasPrefix("NOPERM") {
      return Finding(
        .problem, "redis", "the user lacks a right: \(message)",
        hint: "grant it with ACL SETUSER; `tidemark check` names all that are missing")
    }
    if error.isRetryable {
      // Most of these messages name the server themselves.
      let text = message.contains(configuration.address) ? message : "can't reach \(configuration.address) (\(message))"
      return Finding(.unreachable, "redis", text, hint: error.hint ?? "start the server, or correct redis.url")
    }
    return Finding(.problem, "redis", message)
  }

  private func eviction(_ inspector: RedisInspector) async throws -> Finding {
    guard let policy = try await inspector.evictionPolicy() else {
      return Finding(
        .warning, "redis.maxmemory-policy", "the server does not report its eviction policy", hint: "make sure that it is noeviction")
    }
    guard policy.hasPrefix("allkeys") else { return Finding(.ok, "redis.maxmemory-policy", policy) }
    return Finding(
      .risk, "redis.maxmemory-policy", "\(policy) can evict a stream that is not in Postgres yet",
      hint: "CONFIG SET maxmemory-policy noeviction (or a volatile- policy)")
  }

  private func persistence(_ inspector: RedisInspector) async throws -> [Finding] {
    let persistence = try await inspector.persistence()
    var findings: [Finding] = []
    if !persistence.appendOnly {
      findings.append(
        Finding(
          .warning, "redis.appendonly", "the append-only file is off: a crash of Redis loses entries that no worker has read yet",
          hint: "CONFIG SET appendonly yes"))
    }
    if persistence.lastAppendOnlyWriteSucceeded == false || persistence.lastSnapshotSucceeded == false {
      findings.append(
        Finding(.warning, "redis.persistence", "the last write to disk failed", hint: "check the server's log and its disk"))
    }
    return findings
  }

  private func clock(_ inspector: RedisInspector) async throws -> Finding {
    let skew = try await inspector.clockSkewMilliseconds { Int64(Date().timeIntervalSince1970 * 1000) }
    return Finding(clockOf: "redis", skew: skew)
  }

  private func unread(_ keyspace: RedisKeyspace) async -> [Finding] {
    // A worker without the right to SCAN still serves the lanes that it knows by name.
    guard let names = try? await keyspace.streams(matching: UnreadStreams.pattern(lanes.keys)) else { return [] }
    return Self.unread(names, lanes)
  }

  private func types(_ keyspace: RedisKeyspace) async throws -> [Finding] {
    let names = lanes.partitionLanes
    let replies = try await keyspace.pipeline(names.map { ($0, ["TYPE", .text($0)]) })
    return zip(names, replies).compactMap { name, reply in
      guard let type = reply.text, type != "stream", type != "none" else { return nil }
      return Finding(
        .problem, "redis.lanes", "the key \(name) is a \(type), not a stream", hint: "rename it, or choose another redis.prefix")
    }
  }
}
