internal import TidemarkCore
internal import TidemarkRedis

/// Writes and reads the state of agents' sessions through the function library in Redis.
///
/// A client holds a few connections, which are opened when they are needed; ``close()`` ends them. It needs no access to Postgres. Safe to use
/// from any task.
public final class TidemarkClient: Sendable {
  /// The time for which a call waits for a worker to restore a session that is not in Redis.
  public let restoreTimeout: Duration
  /// The time for which a call is repeated while Redis can't be reached.
  public let retryTimeout: Duration
  let keys: KeyNames
  let redis: RedisKeyspace
  let marks: DurableMarks
  private let partitions = PartitionCount()

  /// Connects nothing yet.
  ///
  /// - Parameters:
  ///   - url: as in `redis.url`: `redis://`, `rediss://`, `unix://`, Sentinels or a Cluster.
  ///   - password: overrides the URL's, and so does `username`.
  ///   - prefix: `redis.prefix` of the installation.
  ///   - restoreTimeout: default 10 s.
  ///   - retryTimeout: default 10 s.
  /// - Throws: ``ClientError`` for a URL that can't be understood.
  public init(
    url: String, username: String? = nil, password: String? = nil, prefix: String = "tidemark", restoreTimeout: Duration = .seconds(10),
    retryTimeout: Duration = .seconds(10)
  ) throws(ClientError) {
    do {
      let configuration = try RedisConfiguration(url: url, password: password, username: username)
      keys = KeyNames(prefix: prefix)
      redis = RedisKeyspace(configuration, name: "tidemark-client")
      marks = DurableMarks(RedisKeyspace(configuration, name: "tidemark-client-marks"))
      self.restoreTimeout = restoreTimeout
      self.retryTimeout = retryTimeout
    } catch {
      throw ClientError(.unavailable, error.message)
    }
  }

  /// Returns a session by its id, 1 to 256 bytes. Nothing is sent.
  public func session(_ id: String) -> Session { Session(id: id, client: self) }

  public func close() async {
    await redis.close()
    await marks.close()
  }

  /// The keys of a session. The number of partitions is asked once.
  ///
  /// - Throws: ``ClientError``.
  func keys(of session: String) async throws -> SessionKeys {
    guard SessionKey.lengths.contains(session.utf8.count) else {
      throw ClientError(.invalid(field: "session"), "the session's id has \(session.utf8.count) bytes; 1 to 256 are allowed")
    }
    let count = try await partitions.value {
      let config = self.keys.config
      guard let count = try await self.send(config, ["HGET", .text(config), "partitions"]).number, count > 0 else {
        throw ClientError(.notInstalled, "\(config) names no number of partitions; run `tidemark migrate`")
      }
      return Int(count)
    }
    return keys.partition(Int(CRC16.xmodem(session.utf8)) % count).session(session)
  }

  /// Calls a function of the library about a session.
  ///
  /// - Throws: ``ClientError``.
  func call(_ function: String, isReading: Bool = false, _ keys: SessionKeys, _ arguments: [RedisArgument]) async throws -> RedisReply {
    try await send(
      keys.session, FunctionCall.command(function, of: self.keys.functions, isReading: isReading, keys, arguments))
  }

  func send(_ key: String, _ command: [RedisArgument]) async throws -> RedisReply {
    do {
      return try await redis.pipeline([(key, command)])[0].orThrow()
    } catch let error as RedisError {
      throw ClientError(error)
    }
  }
}

/// The number of partitions of an installation, which is fixed.
private actor PartitionCount {
  private var known: Int?

  func value(_ ask: @Sendable () async throws -> Int) async throws -> Int {
    if let known { return known }
    let count = try await ask()
    known = count
    return count
  }
}

extension ClientError {
  /// The meaning of an error reply, as CONFLICT, INVALID, BUSY and COLD, or of a lost connection.
  init(_ error: RedisError) {
    guard error.code == .server else {
      self.init(.unavailable, error.description)
      return
    }
    switch AppendCall.refusal(error.message) {
    case .invalid(let message):
      // The word after INVALID is the field's name.
      let field = message.split(separator: " ", maxSplits: 2).dropFirst().first.map { String($0.prefix { $0 != ":" }) }
      self.init(.invalid(field: field ?? ""), message)
    case .eventIDReused: self.init(.eventIDReused, "the event id was used for another change")
    case .conflict(let last): self.init(.conflict(last: last), "the session's last change is number \(last)")
    case .stopped: self.init(.stopped, "agents are asked to stop: Postgres is behind, or Redis is nearly full")
    case .cold: self.init(.notRestored, "the session is not in Redis")
    case nil where error.isOfMissingFunction: self.init(.notInstalled, "Redis lacks the functions; run `tidemark migrate`")
    case nil: self.init(.unavailable, error.message)
    }
  }
}
