@testable import TidemarkCore

/// One worker's connections to a ``SimulatedRedis``, over a network that delays, and that loses answers as it is told.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedSource: LaneSource, @unchecked Sendable {
  private struct Connections {
    var read: Int
    var write: Int
    /// The server's count when they were made.
    var of: Int
  }

  private let redis: SimulatedRedis
  private let network: SimulatedNetwork
  private let catalog: LaneCatalog
  private var connections: [LaneServer: Connections] = [:]
  private var lastNumber = 0
  /// Where the worker believes that lanes are.
  private var known: [String: LaneServer] = [:]
  private var seenArrangement: UInt64

  init(_ redis: SimulatedRedis, _ network: SimulatedNetwork, _ catalog: LaneCatalog) {
    self.redis = redis
    self.network = network
    self.catalog = catalog
    seenArrangement = redis.rearranged.generation
  }

  let readers: (any TaskExecutor)? = nil
  let publishers: (any TaskExecutor)? = nil
  let blockingLanes = 64
  let groupName = "tidemark"

  // Servers and connections

  func servers(of lanes: [String]) async throws -> [LaneServer] {
    lanes.map { lane in
      if let known = known[lane] { return known }
      known[lane] = redis.place(of: lane)
      return redis.place(of: lane)
    }
  }

  func rearranged() async throws {
    await redis.rearranged.wait(after: seenArrangement)
    try Task.checkCancellation()
    try await network.delay()
    seenArrangement = redis.rearranged.generation
    known = [:]
  }

  func markServers(of lanes: [String]) async throws -> [LaneServer] {
    zip(lanes, try await servers(of: lanes)).map { catalog.markPlace(of: $0).keys == nil ? redis.markServer : $1 }
  }

  func readConnection(to server: LaneServer) -> Int { connections[server]?.read ?? 0 }

  func writeConnection(to server: LaneServer) -> WriteConnection? {
    connections[server].map { WriteConnection(server: server, number: $0.write) }
  }

  /// Sends a request, and connects first where that is needed. Throws where the server is away, or the connection has ended unnoticed.
  private func send(to server: LaneServer) async throws -> Int {
    try await network.delay()
    guard let node = redis.nodes[server] else { throw SourceError(.moved, "no such server") }
    guard !node.isAway else {
      try await network.timeOut()
      throw SourceError(.unavailable, "\(server.name) is away")
    }
    if connections[server]?.of != node.connections {
      let isFirst = connections[server] == nil
      lastNumber += 2
      connections[server] = Connections(read: lastNumber, write: lastNumber + 1, of: node.connections)
      if !isFirst, network.chance(60) { throw SourceError(.unavailable, "the connection to \(server.name) has ended") }
    }
    return node.connections
  }

  private func answer(from server: LaneServer, since connections: Int) async throws {
    try await network.delay()
    guard redis.nodes[server]?.connections == connections, !network.losesAnswer() else {
      self.connections[server]?.of = -1
      throw SourceError(.unavailable, "the connection to \(server.name) ended before the answer came")
    }
  }

  /// Sends a request, executes it at the server, and waits for the answer. It may be executed though no answer comes.
  ///
  /// - Parameter connection: throws where another connection has taken its place.
  private func ask<Answer>(
    _ server: LaneServer, over connection: WriteConnection? = nil, _ body: () throws -> Answer
  ) async throws -> Answer {
    if let connection { try check(connection) }
    let connections = try await send(to: server)
    if let connection { try check(connection) }
    let result = try body()
    try await answer(from: server, since: connections)
    return result
  }

  private func server(of lane: String) async throws -> LaneServer {
    let server = try await servers(of: [lane])[0]
    try checkPlace(of: lane, at: server)
    return server
  }

  /// Throws where a lane is at another server, and forgets where the worker believed it to be.
  private func checkPlace(of lane: String, at server: LaneServer) throws {
    guard redis.place(of: lane) != server else { return }
    known[lane] = nil
    throw SourceError(.moved, "\(lane) is elsewhere")
  }

  /// All of them are at one server, or some are elsewhere by now.
  private func server(of lanes: [String]) async throws -> LaneServer {
    var server: LaneServer?
    for lane in lanes { server = try await self.server(of: lane) }
    return server ?? .only
  }

  private func check(_ connection: WriteConnection) throws {
    guard writeConnection(to: connection.server) == connection,
      redis.nodes[connection.server]?.connections == connections[connection.server]?.of
    else { throw SourceError(.unavailable, "another connection") }
  }

  // Reading

  func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    let server = try await server(of: request.positions.map(\.lane))
    let connections = try await send(to: server)
    var found = entries(of: request, at: server)
    if found == nil, let block = request.block {
      let deadline = network.time.now.advanced(by: block)
      while found == nil, network.time.now < deadline, redis.nodes[server]?.connections == connections, !Task.isCancelled {
        let seen = redis.written.generation
        await redis.written.wait(after: seen, until: deadline, on: network.time)
        found = entries(of: request, at: server)
      }
    }
    try await answer(from: server, since: connections)
    return found.map { .entries($0) } ?? .nothing
  }

  private func entries(of request: LaneReadRequest, at server: LaneServer) -> EntryBlock? {
    var whole = EntryBlock()
    for (index, position) in request.positions.enumerated() {
      let stream = redis.nodes[server]?.content.streams[position.lane]
      let found = (stream?.entries ?? []).filter { $0.id > position.after }.prefix(request.count)
      guard !found.isEmpty else { continue }
      let first = whole.entries.count
      for entry in found { whole.add(EntryBlock(id: entry.id, raw: SimulatedStream.fields(entry.value))) }
      whole.sections.append(.init(lane: index, entries: first..<whole.entries.count))
    }
    return whole.entries.isEmpty ? nil : whole
  }

  // Observing

  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] { try await observe(lanes) }

  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    var byLane: [String: StreamObservation] = [:]
    for (server, lanes) in try await byServer(lanes, lane: { $0.lane }) {
      for (lane, observation) in zip(lanes, try await observe(lanes, at: server)) { byLane[lane.lane] = observation }
    }
    return lanes.map { byLane[$0.lane] ?? .deferred }
  }

  private func observe(_ lanes: [ExpectedStream], at server: LaneServer) async throws -> [StreamObservation] {
    try await ask(server) {
      for lane in lanes { try checkPlace(of: lane.lane, at: server) }
      let content = redis.nodes[server]?.content
      return lanes.map { lane in
        .seen(content?.streams[lane.lane]?.observed(lane) ?? ObservedStream(stream: nil, hasGroup: false, anchor: .gone))
      }
    }
  }

  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    let observations = try await observe(lanes, at: server)
    guard let connection = writeConnection(to: server) else { throw SourceError(.unavailable, "not connected") }
    return ObservedStreams(connection: connection, observations: observations)
  }

  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64 {
    try await ask(server(of: lane)) { UInt64(redis.stream(lane)?.entries.count { $0.id > after && $0.id <= through } ?? 0) }
  }

  func discover(_ pattern: String) async throws -> [String] {
    var names: [String] = []
    for server in redis.servers {
      names += try await ask(server) { redis.nodes[server]?.content.streams.keys.filter { GlobPattern(pattern).matches($0) } ?? [] }
    }
    return names.sorted()
  }

  func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes {
    throw SourceError(.misconfigured, "nothing is heard here")
  }

  func memoryShare(beside lane: String) async throws -> Double? { nil }
  func currentMilliseconds(beside lane: String) async throws -> UInt64 { UInt64(network.time.milliseconds) }

  // Writing

  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> {
    var mirrored: Set<String> = []
    for (server, cursors) in try await byServer(cursors, lane: { $0.lane }) {
      mirrored.formUnion(
        try await ask(server, over: connection) {
          cursors.filter { redis.place(of: $0.lane) == server && redis.mirror($0, at: server) }.map(\.lane)
        })
    }
    return mirrored
  }

  func trim(_ cuts: [TrimCut], over connection: WriteConnection) async throws -> [Result<Int, SourceError>] {
    let server = connection.server
    return try await ask(server, over: connection) {
      cuts.map { .success(redis.place(of: $0.lane) == server ? redis.trim($0, at: server) : 0) }
    }
  }

  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool {
    try await ask(server(of: lane)) {
      redis.change(lane) { stream in
        guard let last = stream?.last else { return false }
        stream?.last = max(last, floor)
        return true
      }
    }
  }

  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError] {
    var refused: [String: SourceError] = [:]
    let takers = try await markServers(of: marks.map(\.lane))
    for server in Set(takers).sorted(by: { $0.name < $1.name }) {
      try await ask(server, over: connection) {
        for (mark, taker) in zip(marks, takers) where taker == server {
          if catalog.markPlace(of: mark.lane).keys != nil { try checkPlace(of: mark.lane, at: server) }
          if let error = redis.publish(mark, at: server) { refused[mark.lane] = error }
        }
      }
    }
    return refused
  }

  func marks(of lanes: [String]) async throws -> [DurableMark?] {
    var marks: [DurableMark?] = []
    for (lane, server) in zip(lanes, try await markServers(of: lanes)) {
      marks.append(try await ask(server) { redis.mark(of: lane, at: server) })
    }
    return marks
  }

  func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError] { [:] }
  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {}
}
