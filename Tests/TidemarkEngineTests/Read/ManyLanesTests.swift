import Synchronization
import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// Keeps what was asked of a source.
private final class WatchedSource: LaneSource {
  let source: RedisLaneSource
  private let reads = Mutex<[[String]]>([])

  init(_ source: RedisLaneSource) {
    self.source = source
  }

  /// The lanes of each read since the last call.
  func takeReads() -> [[String]] {
    reads.withLock { reads in
      defer { reads = [] }
      return reads
    }
  }

  var readers: (any TaskExecutor)? { source.readers }
  var publishers: (any TaskExecutor)? { source.publishers }
  var blockingLanes: Int { source.blockingLanes }
  func servers(of lanes: [String]) async throws -> [LaneServer] { try await source.servers(of: lanes) }
  func markServers(of lanes: [String]) async throws -> [LaneServer] { try await source.markServers(of: lanes) }
  func rearranged() async throws { try await source.rearranged() }

  func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    reads.withLock { $0.append(request.positions.map(\.lane)) }
    return try await source.read(request)
  }

  func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError] {
    try await source.publishPressure(levels, until: until)
  }
  func memoryShare(beside lane: String) async throws -> Double? { try await source.memoryShare(beside: lane) }
  var groupName: String { source.groupName }
  func trim(
    _ cuts: [TrimCut], over connection: WriteConnection
  ) async throws -> [Result<Int, SourceError>] {
    try await source.trim(cuts, over: connection)
  }
  func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws { try await source.forgetRejected(cuts) }
  func writeConnection(to server: LaneServer) -> WriteConnection? { source.writeConnection(to: server) }
  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    try await source.survey(lanes, on: server)
  }
  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] { try await source.observe(lanes) }
  func readConnection(to server: LaneServer) -> Int { source.readConnection(to: server) }
  func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> {
    try await source.mirror(cursors, over: connection)
  }
  func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool {
    try await source.raiseMinimumID(lane, to: floor, for: installation)
  }
  func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes {
    try await source.changedLanes(prefixes, on: server)
  }
  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] { try await source.inspect(lanes) }
  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64 { 0 }
  func discover(_ pattern: String) async throws -> [String] { try await source.discover(pattern) }
  func marks(of lanes: [String]) async throws -> [DurableMark?] { try await source.marks(of: lanes) }
  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError] {
    try await source.publish(marks, over: connection)
  }
  func currentMilliseconds(beside lane: String) async throws -> UInt64 { try await source.currentMilliseconds(beside: lane) }
}

/// A worker with more lanes than one read names, on a real Redis.
@Suite struct ManyLanesTests {
  private let lanes = (0..<200).map { "many:\($0)" }
  private let sink = MemorySink()

  private func withWorker(
    user: (name: String, rights: [String])? = nil, _ body: (RedisServer, WatchedSource, Worker) async throws -> Void
  ) async throws {
    try await withRedis { server in
      var configuration = try RedisConfiguration(url: server.url)
      if let user {
        try await server.commands("ACL SETUSER \(user.name) on >pw ~* &* \(user.rights.joined(separator: " "))")
        configuration = try RedisConfiguration(url: server.url, password: "pw", username: user.name)
      }
      let source = WatchedSource(RedisLaneSource(configuration, lanes: LaneCatalog(prefix: "tidemark", partitions: 16)))
      try await RunningWorker(source: source, sink: sink, maxEntries: 1_000, lanes: lanes).run { try await body(server, source, $0) }
      await source.source.close()
    }
  }

  private func write(_ server: RedisServer, to lanes: [String]) async throws {
    try await server.commands(
      lanes.map { "XADD \($0) * type message.appended session s role user content hello" }.joined(separator: "\n"))
  }

  private func applied(_ lanes: [String]) -> Int { lanes.reduce(0) { $0 + sink.applied($1).count } }

  private func waitUntilListening(_ server: RedisServer, _ source: WatchedSource) async throws {
    try await waitUntil("somebody listens and every lane was read") {
      guard try await server.command("CLIENT", "LIST").contains("name=tidemark-doorbell") else { return false }
      let reads = source.takeReads()
      return reads.isEmpty
    }
  }

  @Test func `a notified change makes its lane be read, and no other`() async throws {
    try await withWorker { server, source, _ in
      try await write(server, to: lanes)
      try await waitUntil("everything is applied") { applied(lanes) == 200 }
      try await waitUntilListening(server, source)
      for lane in ["many:7", "many:150"] {
        // A slice of the sweep, or all of them once somebody listens, may come first.
        var reads: [[String]] = []
        for _ in 0..<50 where !reads.contains([lane]) {
          let written = sink.applied(lane).count + 1
          try await write(server, to: [lane])
          try await waitUntil("it is applied") { sink.applied(lane).count == written }
          reads = source.takeReads()
        }
        #expect(reads.contains([lane]))
      }
    }
  }

  @Test func `nothing is lost while the doorbell's connection is cut again and again`() async throws {
    try await withWorker { server, _, _ in
      for round in 1...10 {
        for client in try await server.command("CLIENT", "LIST").split(separator: "\n") where client.contains("name=tidemark-doorbell") {
          try await server.command("CLIENT", "KILL", "ID", String(client.split(separator: " ")[0].dropFirst("id=".count)))
          try await write(server, to: lanes.filter { $0.hasSuffix("\(round % 10)") })
        }
        try await write(server, to: lanes)
        try await waitUntil("everything is applied") {
          let added = try await server.commands(lanes.map { "XLEN \($0)" }.joined(separator: "\n"))
          return applied(lanes) == added.split(separator: "\n").reduce(0) { $0 + (Int($1) ?? 0) }
        }
      }
    }
  }

  @Test func `who may not track finds everything by the sweep`() async throws {
    try await withWorker(user: ("reader", ["+@all", "-client|tracking"])) { server, source, _ in
      for _ in 0..<3 {
        let before = applied(lanes)
        try await write(server, to: lanes)
        try await waitUntil("everything is applied") { applied(lanes) == before + 200 }
      }
      let clients = try await server.command("CLIENT", "LIST").split(separator: "\n")
      let tracking = clients.flatMap { $0.split(separator: " ") }.filter { $0.hasPrefix("flags=") && $0.dropFirst(6).contains("t") }
      #expect(tracking.isEmpty)
      #expect(source.takeReads().allSatisfy { $0.count <= 256 })
    }
  }
}
