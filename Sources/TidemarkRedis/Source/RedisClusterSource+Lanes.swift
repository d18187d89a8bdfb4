package import TidemarkCore

extension RedisClusterSource {
  package func read(_ request: LaneReadRequest) async throws -> LaneReadReply {
    // The lanes of a read are on one server. If one of them has moved, nothing is read, and the caller asks again at the new place.
    let lanes = request.positions.map(\.lane)
    let holders = try await holders(of: lanes)
    guard let holder = holders.first else { return .nothing }
    guard holders.allSatisfy({ $0 == holder }) else {
      await topology.serversChanged()
      throw SourceError(.moved, "lanes that are read together are on several nodes now")
    }
    do {
      return try await suspecting(holder, lanes) { try await source(of: holder).read(request) }
    } catch let redirection as Redirection {
      try await translating { try await topology.redirected(lanes, by: redirection) }
      throw SourceError(.moved, "a lane has moved to another node")
    }
  }

  package func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    try await ask(lanes, key: { $0.lane }) { source, lanes in
      let observations = try await source.observe(lanes)
      try source.doubt(observations)
      return observations
    }
  }

  package func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    try await ask(lanes, key: { $0.lane }) { source, lanes in
      let observations = try await source.inspect(lanes)
      try source.doubt(observations)
      return observations
    }
  }

  package func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    try await stay(on: server, lanes.map(\.lane)) { source in
      let survey = try await source.survey(lanes, on: server)
      try source.doubt(survey.observations)
      return survey
    }
  }

  package func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> {
    if let connection {
      return try await stay(on: connection.server, cursors.map(\.lane)) { try await $0.mirror(cursors, over: connection) }
    }
    return Set(try await ask(cursors, key: { $0.lane }) { Array(try await $0.mirror($1, over: nil)) })
  }

  package func trim(
    _ cuts: [TrimCut], over connection: WriteConnection
  ) async throws -> [Result<Int, SourceError>] {
    try await stay(on: connection.server, cuts.map(\.lane)) { try await $0.trim(cuts, over: connection) }
  }

  package func forgetRejected(_ cuts: [(lane: String, below: EntryID)]) async throws {
    // The count's key has the slot of its lane.
    _ = try await ask(cuts, key: { $0.lane }) { source, cuts in
      try await source.forgetRejected(cuts)
      return [Void]()
    }
  }

  package func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool {
    try await ask([lane], key: { $0 }) { source, _ in [try await source.raiseMinimumID(lane, to: floor, for: installation)] }.first ?? false
  }

  package func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64 {
    try await ask([lane], key: { $0 }) { source, _ in [try await source.count(lane, after: after, through: through)] }.first ?? 0
  }

  package func discover(_ pattern: String) async throws -> [String] {
    var names: Set<String> = []
    for source in try await masters() { names.formUnion(try await source.discover(pattern)) }
    return Array(names)
  }

  package func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes {
    try await source(named: server).changedLanes(prefixes, on: server)
  }

  package func markServers(of lanes: [String]) async throws -> [LaneServer] {
    try await servers(of: lanes.map { self.lanes.markPlace(of: $0).hash })
  }

  package func marks(of lanes: [String]) async throws -> [DurableMark?] {
    try await ask(lanes, key: { [catalog = self.lanes] in catalog.markPlace(of: $0).hash }) { try await $0.marks(of: $1) }
  }

  package func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError] {
    let key = { @Sendable [lanes] (mark: DurableMark) in lanes.markPlace(of: mark.lane).hash }
    if let connection {
      return try await stay(on: connection.server, marks.map(key)) { try await $0.publish(marks, over: connection) }
    }
    let refused = try await ask(marks, key: key) { source, marks in
      let refused = try await source.publish(marks, over: nil)
      return marks.map { ($0.lane, refused[$0.lane]) }
    }
    return Self.refusals(refused)
  }

  private static func refusals(_ lanes: [(String, SourceError?)]) -> [String: SourceError] {
    Dictionary(lanes.compactMap { lane, error in error.map { (lane, $0) } }) { first, _ in first }
  }

  package func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError] {
    let key = { @Sendable [lanes] (level: LanePressure) in lanes.markPlace(of: level.lane).hash }
    let refused = try await ask(levels, key: key) { source, levels in
      let refused = try await source.publishPressure(levels, until: until)
      return levels.map { ($0.lane, refused[$0.lane]) }
    }
    return Self.refusals(refused)
  }

  package func memoryShare(beside lane: String) async throws -> Double? {
    try await ask([lane], key: { $0 }) { source, _ in [try await source.memoryShare(beside: lane)] }.first ?? nil
  }

  package func currentMilliseconds(beside lane: String) async throws -> UInt64 {
    try await ask([lane], key: { $0 }) { source, _ in [try await source.currentMilliseconds(beside: lane)] }.first ?? 0
  }

  package func ping() async throws {
    do {
      for source in try await masters() { try await source.ping() }
    } catch let error as SourceError where error.kind == .unavailable {
      await topology.suspect()
      throw error
    }
  }
}
