/// Queries about a server itself, for `check` and for new connections. Errors are ``RedisError``.
package struct RedisInspector: Sendable {
  /// The server's persistence, from `INFO persistence`.
  package struct Persistence: Sendable, Equatable {
    package var appendOnly: Bool
    /// Whether the last write succeeded; nil if no rewrite or snapshot was tried yet.
    package var lastAppendOnlyWriteSucceeded: Bool?
    package var lastSnapshotSucceeded: Bool?
    /// The time of the last snapshot in Unix seconds.
    package var lastSnapshotAt: Int64?
    package var isLoading: Bool
  }

  private let connection: RedisConnection

  package init(_ connection: RedisConnection) {
    self.connection = connection
  }

  package func ping() async throws {
    _ = try await connection.send(["PING"]).orThrow()
  }

  /// Returns `redis_version`; Valkey reports the Redis version that it is compatible with.
  package func serverVersion() async throws -> String {
    try await info("server")["redis_version"] ?? "unknown"
  }

  /// Throws unless the server is supported.
  ///
  /// - Throws: `unsupportedServer` below Redis 7.0.
  package func requireSupportedVersion() async throws {
    let version = try await serverVersion()
    guard let major = Int(version.prefix { $0 != "." }), major < 7 else { return }
    throw RedisError(.unsupportedServer, "the server is Redis \(version); Tidemark needs Redis 7.0 or Valkey 7.2, upgrade it")
  }

  /// Returns `maxmemory-policy`; nil if the server does not report it.
  package func evictionPolicy() async throws -> String? {
    if let policy = try await info("memory")["maxmemory_policy"] { return policy }
    let reply = try await connection.send(["CONFIG", "GET", "maxmemory-policy"])
    return reply["maxmemory-policy"]?.text
  }

  package func persistence() async throws -> Persistence {
    let facts = try await info("persistence")
    func succeeded(_ name: String) -> Bool? { facts[name].map { $0 == "ok" } }
    return Persistence(
      appendOnly: facts["aof_enabled"] == "1",
      lastAppendOnlyWriteSucceeded: succeeded("aof_last_write_status"),
      lastSnapshotSucceeded: succeeded("rdb_last_bgsave_status"),
      lastSnapshotAt: facts["rdb_last_save_time"].flatMap { Int64($0) },
      isLoading: facts["loading"] == "1")
  }

  /// Returns the server's clock in Unix milliseconds.
  package func currentMilliseconds() async throws -> UInt64 {
    try await connection.send(["TIME"]).clockMilliseconds()
  }

  /// Returns the difference between the server's clock and the given clock in milliseconds. `now` is read before and after, and the middle
  /// is used.
  package func clockSkewMilliseconds(now: @Sendable () -> Int64) async throws -> Int64 {
    let before = now()
    let server = Int64(try await currentMilliseconds())
    let after = now()
    return server - (before + (after - before) / 2)
  }

  /// Returns the `name:value` lines of a section of INFO.
  package func info(_ section: String) async throws -> [String: String] {
    Self.facts(of: try await connection.send(["INFO", .text(section)]).orThrow())
  }

  /// Returns the `name:value` lines of a reply to INFO.
  static func facts(of reply: RedisReply) -> [String: String] {
    var facts: [String: String] = [:]
    for line in (reply.text ?? "").split(whereSeparator: \.isNewline) {
      guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { continue }
      facts[String(line[..<colon])] = String(line[line.index(after: colon)...])
    }
    return facts
  }

  /// Returns used memory divided by `maxmemory`, from the section `memory` of INFO; nil where there is no limit.
  static func memoryShare(_ facts: [String: String]) -> Double? {
    guard let used = facts["used_memory"].flatMap({ Double($0) }), let most = facts["maxmemory"].flatMap({ Double($0) }), most > 0 else {
      return nil
    }
    return used / most
  }
}
