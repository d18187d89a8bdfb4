package import TidemarkCore

/// The heads of the chains of seals, each beside the marks of its lane: in the field `seal` of `PREFIX:{N}:lane`, and for other lanes in the field
/// `seal:LANE` of `PREFIX:durable`.
///
/// Connections are opened when they are needed; ``close()`` ends them. Safe to use from any task.
package struct RedisSealHeads: SealHeadStore {
  /// KEYS: the hash of the marks. ARGV: the installation's id and its field; the field of the head, what it holds or '', the head.
  /// Returns 1 if the head was written. The server compares and writes in one step, so that a head that another worker has written meanwhile
  /// is not lost.
  private static let script = """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = foreign(KEYS[1], ARGV[2], ARGV[1])
    if refusal then return refusal end
    if (redis.call('HGET', KEYS[1], ARGV[3]) or '') ~= ARGV[4] then return 0 end
    redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
    return 1
    """

  private let configuration: RedisConfiguration
  private let keyspace: RedisKeyspace
  private let lanes: LaneCatalog

  /// Connects nothing yet.
  ///
  /// - Parameter name: the name of its connections, which `CLIENT LIST` shows.
  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog, name: String) {
    self.configuration = configuration
    self.lanes = lanes
    keyspace = RedisKeyspace(configuration, name: name)
  }

  package func close() async { await keyspace.close() }

  package func heads(of names: [String]) async throws -> [SealHead?] {
    guard !names.isEmpty else { return [] }
    let commands = names.map { lane -> (key: String, command: [RedisArgument]) in
      let hash = lanes.markPlace(of: lane).hash
      return (hash, ["HGET", .text(hash), .text(field(of: lane))])
    }
    return try await translating {
      try zip(names, try await keyspace.pipeline(commands)).map { lane, reply in
        if case .error(let message) = reply, ServerErrorClass.concernsKey(message) { return nil }
        return try reply.orThrow().text.flatMap { SealHead(lane: lane, text: $0) }
      }
    }
  }

  package func write(_ heads: [(head: SealHead, over: SealHead?)], for installation: InstallationID) async throws -> [Bool] {
    guard !heads.isEmpty else { return [] }
    let commands = heads.map { head, held -> (key: String, command: [RedisArgument]) in
      let (hash, installationField) = InstallationGuard.place(of: head.lane, in: lanes)
      let key = lanes.markPlace(of: head.lane).hash
      return (
        key,
        [
          "EVAL", .text(Self.script), "1", hash, .text(installation.text), installationField, .text(field(of: head.lane)),
          .text(held?.text ?? ""), .text(head.text),
        ]
      )
    }
    return try await translating {
      try await keyspace.pipeline(commands).map { reply in
        if case .error(let message) = reply, ServerErrorClass.concernsKey(message) || InstallationGuard.refuses(message) { return false }
        return try reply.orThrow().number == 1
      }
    }
  }

  private func translating<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as RedisError {
      throw SourceError(error, address: configuration.address)
    }
  }

  private func field(of lane: String) -> String { lanes.markPlace(of: lane).keys == nil ? "seal:\(lane)" : "seal" }
}
