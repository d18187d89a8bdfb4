package import TidemarkCore

/// The streams of one Redis server, or of the master that Sentinels name.
///
/// It has three connections: one for reads, which may block, one for the doorbell, and one for everything else. Each is opened by the first
/// call that needs it, and again by the next call after a loss. Calls may come from any task; reads are answered one after another. A
/// cancelled call throws `CancellationError`, every other failure is a ``SourceError``.
package struct RedisLaneSource: RedisSource {
  let configuration: RedisConfiguration
  /// The places of the lanes' marks. They do not depend on the items of `lanes`.
  let lanes: LaneCatalog
  let reads: RedisConnectionSlot
  let commands: RedisConnectionSlot
  let observation = ObservationMemory()
  private let doorbell: RedisDoorbell
  private let master = KnownMaster()
  let rejectedSweeps = RejectedSweeps()

  /// Creates the source and opens no connection. `lanes` may be without items.
  package init(_ configuration: RedisConfiguration, lanes: LaneCatalog) {
    self.configuration = configuration
    self.lanes = lanes
    reads = RedisConnectionSlot(configuration, name: "tidemark-read")
    commands = RedisConnectionSlot(configuration, name: "tidemark")
    doorbell = RedisDoorbell(configuration)
  }

  package var readers: (any TaskExecutor)? { reads.taskExecutor }
  package var publishers: (any TaskExecutor)? { commands.taskExecutor }
  package var blockingLanes: Int { ReadPlan.Pace().blockingLanes }

  package func servers(of lanes: [String]) async throws -> [LaneServer] { lanes.map { _ in .only } }
  package func markServers(of lanes: [String]) async throws -> [LaneServer] { lanes.map { _ in .only } }

  package func ping() async throws {
    try await onCommands { try await RedisInspector($0).ping() }
  }

  /// Closes all connections. A later call opens them again.
  package func close() async { await close(unlessTo: nil) }

  private func close(unlessTo address: String?) async {
    await reads.close(unlessTo: address)
    await commands.close(unlessTo: address)
    await doorbell.close(unlessTo: address)
  }

  package func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes {
    try await translating { try await doorbell.changedLanes(prefixes) }
  }

  /// Closes the connections to the old master after a failover; the old master may not know of it yet.
  package func rearranged() async throws {
    guard case .sentinel(let service, let sentinels) = configuration.endpoint else { return try await neverRearranged() }
    let directory = SentinelDirectory(configuration, service: service, sentinels: sentinels)
    try await translating {
      let node = try await directory.masterOther(than: master.node)
      master.set(node)
      await close(unlessTo: configuration.at(node).address)
    }
  }

  package func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    try await translating {
      do {
        return try await reads.perform { try await $0.readStreams(request) }
      } catch let error as RedisError where error.code == .server {
        guard let refused = try await refusedLane(of: request, error.message) else { throw error }
        throw refused
      }
    }
  }

  package func discover(_ pattern: String) async throws -> [String] {
    try await onCommands { try await $0.streams(matching: pattern) }
  }

  package func marks(of lanes: [String]) async throws -> [DurableMark?] {
    try await onCommands { [catalog = self.lanes] in try await DurableScript.marks(of: lanes, in: catalog, on: $0) }
  }

  package func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError] {
    guard !marks.isEmpty else { return [:] }
    return try await onCommands(over: connection) { [lanes] connection in
      var refused: [String: SourceError] = [:]
      for start in stride(from: 0, to: marks.count, by: 1024) {
        refused.merge(
          try await DurableScript.publish(marks[start..<min(start + 1024, marks.count)], in: lanes, on: connection)
        ) { first, _ in first }
      }
      return refused
    }
  }

  package func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError] {
    try await onCommands { [lanes] in try await PressureScript.tell(levels, until: until, in: lanes, on: $0) }
  }

  package func memoryShare(beside lane: String) async throws -> Double? {
    try await onCommands { RedisInspector.memoryShare(try await RedisInspector($0).info("memory")) }
  }

  package func currentMilliseconds(beside lane: String) async throws -> UInt64 {
    try await onCommands { try await RedisInspector($0).currentMilliseconds() }
  }

  /// Returns the error for the lane that made an XREAD fail, because XREAD fails as a whole for one bad key and does not name it. Each lane
  /// is asked separately for entries after its end, which returns none. Nil if the call as such was refused.
  private func refusedLane(of request: LaneReadRequest, _ message: String) async throws -> SourceError? {
    let kind = ServerErrorClass(message)
    guard kind == .wrongType || kind == .refused else { return nil }
    let lanes = request.positions.map(\.lane)
    let replies = try await reads.perform { connection in
      try await connection.pipeline(lanes.map { ["XREAD", "COUNT", "1", "STREAMS", .text($0), "$"] })
    }
    let refusals = zip(lanes, replies).compactMap { lane, reply -> (String, String)? in
      guard case .error(let text) = reply else { return nil }
      let kind = ServerErrorClass(text)
      return kind == .wrongType || kind == .refused ? (lane, text) : nil
    }
    // The error for a user without XREAD mentions the command and applies to every key.
    guard let (lane, text) = refusals.first(where: { !$0.1.contains("to run the") }) else {
      return refusals.isEmpty
        ? SourceError(.unavailable, "\(configuration.address): a lane was refused (\(message)) but is accepted now") : nil
    }
    let hint = text.hasPrefix("WRONGTYPE") ? "the key is not a stream: remove it or the lane" : "grant the key with ACL SETUSER"
    return SourceError(.laneRefused(lane), "\(configuration.address): lane \(lane) can't be read: \(text); \(hint)")
  }

  /// Returns the redirection in an error; nil for other errors, and for a server that is not a node of a Cluster.
  func redirection(_ message: String) -> Redirection? {
    guard configuration.clusterManners != nil, case .tcp(let host, _) = configuration.endpoint else { return nil }
    return Redirection(message, asked: host)
  }

  func onCommands<Value: Sendable>(_ body: @Sendable (RedisConnection) async throws -> Value) async throws -> Value {
    try await translating { try await commands.perform(body) }
  }

  /// - Parameter connection: the number of the connection; nil for any.
  func onCommands<Value: Sendable>(
    over connection: WriteConnection?, _ body: @Sendable (RedisConnection) async throws -> Value
  ) async throws -> Value {
    guard let connection else { return try await onCommands(body) }
    return try await translating { try await commands.perform(over: connection.number, body) }
  }

  /// Runs commands on the connection for writes, and returns the number of that connection.
  func onNumberedCommands<Value: Sendable>(
    _ body: @Sendable (RedisConnection) async throws -> Value
  ) async throws -> (number: Int, value: Value) {
    // A connection is only replaced after it is lost, and then the commands on it fail.
    try await onCommands { (commands.connectionNumber, try await body($0)) }
  }

  func translating<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as RedisError {
      if error.code == .server, let redirection = redirection(error.message) { throw redirection }
      throw SourceError(error, address: configuration.address)
    }
  }
}
