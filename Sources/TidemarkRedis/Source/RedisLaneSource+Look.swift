package import TidemarkCore

extension RedisLaneSource {
  /// The number of lanes in one pipeline.
  private static let portion = 64

  package var groupName: String { lanes.keys.prefix }
  package func readConnection(to server: LaneServer) -> Int { reads.connectionNumber }

  package func writeConnection(to server: LaneServer) -> WriteConnection? {
    commands.openConnectionNumber.map { WriteConnection(server: server, number: $0) }
  }

  package func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    // The connection for reads is used, because no entry of a lane is in flight between two reads.
    try await translating { try await reads.perform { try await observe(lanes, on: $0, number: reads.connectionNumber) } }
  }

  package func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams {
    let (number, observations) = try await onNumberedCommands { connection in
      try await observe(lanes, on: connection, number: commands.connectionNumber)
    }
    return ObservedStreams(connection: WriteConnection(server: server, number: number), observations: observations)
  }

  package func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation] {
    try await onCommands { try await observe(lanes, on: $0, number: commands.connectionNumber) }
  }

  private func observe(_ lanes: [ExpectedStream], on connection: RedisConnection, number: Int) async throws -> [StreamObservation] {
    var observations: [StreamObservation] = []
    observations.reserveCapacity(lanes.count)
    for start in stride(from: 0, to: lanes.count, by: Self.portion) {
      let portion = Array(lanes[start..<min(start + Self.portion, lanes.count)])
      let efforts = observation.efforts(for: portion, over: number)
      for (lane, reply) in zip(portion, try await ObservationScript.ask(Array(zip(portion, efforts)), own: groupName, on: connection)) {
        let answer = try ObservationAnswer(reply, of: lane.lane, own: groupName)
        observations.append(observation.answered(answer, of: lane, over: number))
      }
    }
    guard observations.contains(where: { $0.observed.map { $0.stream == nil } ?? false }) else { return observations }
    let evicted = (try? await RedisInspector(connection).info("stats")["evicted_keys"]).flatMap { $0 }.flatMap { UInt64($0) } ?? 0
    return observations.map { observation in
      guard case .seen(var observed) = observation, observed.stream == nil else { return observation }
      observed.evictedKeys = evicted
      return .seen(observed)
    }
  }

  package func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> {
    try await onCommands(over: connection) { [lanes, isCluster = configuration.clusterManners != nil] connection in
      func done(_ step: MirrorScript.Step, _ cursors: [LaneMirror]) async throws -> [RedisReply] {
        try await MirrorScript.call(step, cursors, in: lanes, isCluster: isCluster, on: connection)
      }
      let moved = try await done(.move, cursors)
      var mirrored: Set<String> = []
      var refusal: String?
      var missing: [LaneMirror] = []
      for (cursor, reply) in zip(cursors, moved) {
        switch reply {
        case .error(let message):
          if redirection(message) != nil { throw RedisError(.server, message) }
          if ServerErrorClass(message) == .refused { refusal = message }
          if cursor.isNew, message.hasPrefix("NOGROUP") { missing.append(cursor) }
        default: mirrored.insert(cursor.lane)
        }
      }
      let made = missing.isEmpty ? [] : try await done(.make, missing)
      for (cursor, reply) in zip(missing, made) {
        if case .error(let message) = reply {
          if ServerErrorClass(message) == .refused { refusal = message }
        } else {
          mirrored.insert(cursor.lane)
        }
      }
      if mirrored.isEmpty, let refusal { throw RedisError(.server, refusal) }
      return mirrored
    }
  }

  package func raiseMinimumID(_ lane: String, to floor: EntryID, for installation: InstallationID) async throws -> Bool {
    try await onCommands { [lanes, isCluster = configuration.clusterManners != nil] connection in
      // XSETID fails if there is no such stream or no such right; the ids then stay as they are.
      let reply = try await MinimumIDScript.raise(lane, to: floor, for: installation, in: lanes, isCluster: isCluster, on: connection)
      guard case .error(let message) = reply else { return true }
      if redirection(message) != nil { throw RedisError(.server, message) }
      return false
    }
  }
}
