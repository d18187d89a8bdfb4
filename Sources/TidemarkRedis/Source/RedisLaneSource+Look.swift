package import TidemarkCore

extension RedisLaneSource {
  /// Lanes whose questions are sent together.
  private static let portion = 64
  /// A longer value of the cursor's entry is cut, and the entry then not looked at.
  private static let longestValue = 4096
  /// Down to the values of an entry: in the reply of EXEC they are four arrays deep.
  private static let withValues = ReplyBounds(longestBulk: longestValue, budget: 8 << 20, deepestKept: 4)
  /// Down to the ids of entries.
  private static let withoutValues = ReplyBounds(longestBulk: longestValue, budget: 8 << 20, deepestKept: 3)

  package var groupName: String { prefix }
  package func readConnection(to server: LaneServer) -> Int { reads.connectionNumber }

  package func writeConnection(to server: LaneServer) -> WriteConnection? {
    commands.openConnectionNumber.map { WriteConnection(server: server, number: $0) }
  }

  package func look(_ positions: [LaneReadRequest.Position]) async throws -> [LaneSnapshot] {
    // On the connection for reads: between two reads nothing of a lane is on its way.
    try await translating { try await reads.perform { try await look(positions, on: $0) } }
  }

  package func survey(_ positions: [LaneReadRequest.Position], on server: LaneServer) async throws -> LaneSurvey {
    let (number, snapshots) = try await onNumberedCommands { try await look(positions, on: $0) }
    return LaneSurvey(connection: WriteConnection(server: server, number: number), snapshots: snapshots)
  }

  private func look(_ positions: [LaneReadRequest.Position], on connection: RedisConnection) async throws -> [LaneSnapshot] {
    var snapshots: [LaneSnapshot] = []
    for start in stride(from: 0, to: positions.count, by: Self.portion) {
      let portion = positions[start..<min(start + Self.portion, positions.count)]
      do {
        snapshots += try await look(portion, bounds: Self.withValues, on: connection)
      } catch let error as RedisError where error.code == .replyTooLarge {
        snapshots += try await look(portion, bounds: Self.withoutValues, on: connection)
      }
    }
    if snapshots.contains(where: { $0.stream == nil }) {
      let evicted = (try? await RedisInspector(connection).info("stats")["evicted_keys"]).flatMap { $0 }.flatMap { UInt64($0) } ?? 0
      for index in snapshots.indices where snapshots[index].stream == nil { snapshots[index].evictedKeys = evicted }
    }
    return snapshots
  }

  private func look(
    _ positions: ArraySlice<LaneReadRequest.Position>, bounds: ReplyBounds, on connection: RedisConnection
  ) async throws -> [LaneSnapshot] {
    let commands: [[RedisArgument]] = positions.flatMap { position -> [[RedisArgument]] in
      let (lane, id) = (RedisArgument.text(position.lane), RedisArgument.text(position.after.description))
      return [["MULTI"], ["XINFO", "STREAM", lane], ["XINFO", "GROUPS", lane], ["XRANGE", lane, id, id], ["EXEC"]]
    }
    let replies = try await connection.pipeline(commands, bounds: bounds)
    return try zip(positions, stride(from: 4, to: replies.count, by: 5)).map { position, last in
      // What was refused before the transaction, for its key or because a node of a Cluster does not hold it: EXEC only says that it did
      // nothing.
      if case .error = replies[last - 3] { _ = try LaneInspection.reading(replies[last - 3], of: position.lane) }
      guard let answers = try replies[last].orThrow().elements, answers.count == 3 else {
        throw RedisError(.malformedReply, "EXEC answered something else than three replies")
      }
      return try snapshot(of: position, stream: answers[0], groups: answers[1], anchor: answers[2])
    }
  }

  private func snapshot(
    of position: LaneReadRequest.Position, stream: RedisReply, groups: RedisReply, anchor: RedisReply
  ) throws -> LaneSnapshot {
    guard let stream = try LaneInspection.reading(stream, of: position.lane) else {
      return LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone)
    }
    let names = try groups.orThrow().elements ?? []
    guard let entry = try anchor.orThrow().elements?.first?.elements, entry.count == 2, let fields = entry[1].elements else {
      return LaneSnapshot(stream: stream, hasGroup: names.contains { $0["name"]?.text == prefix }, anchor: .gone)
    }
    let raw = fields.compactMap { if case .bulk(let bytes) = $0 { bytes } else { nil } }
    let isWhole = !raw.isEmpty && !raw.contains { $0.count >= Self.longestValue }
    return LaneSnapshot(
      stream: stream, hasGroup: names.contains { $0["name"]?.text == prefix },
      anchor: .there(isWhole ? EntryBlock(id: position.after, raw: raw) : nil))
  }

  package func mirror(_ cursors: [LaneMirror], over connection: WriteConnection?) async throws -> Set<String> {
    try await onCommands(over: connection) { [prefix] connection in
      func command(_ name: String, _ cursor: LaneMirror) -> [RedisArgument] {
        [
          "XGROUP", .text(name), .text(cursor.lane), .text(prefix), .text(cursor.position.description), "ENTRIESREAD",
          .integer(Int64(clamping: cursor.ordinal)),
        ]
      }
      let moved = try await connection.pipeline(cursors.map { command("SETID", $0) })
      var mirrored: Set<String> = []
      var missing: [LaneMirror] = []
      for (cursor, reply) in zip(cursors, moved) {
        switch reply {
        case .error(let message):
          if redirection(message) != nil { throw RedisError(.server, message) }
          if cursor.isNew, message.hasPrefix("NOGROUP") { missing.append(cursor) }
        default: mirrored.insert(cursor.lane)
        }
      }
      guard !missing.isEmpty else { return mirrored }
      let made = try await connection.pipeline(missing.map { command("CREATE", $0) })
      for (cursor, reply) in zip(missing, made) {
        if case .error = reply { continue }
        mirrored.insert(cursor.lane)
      }
      return mirrored
    }
  }

  package func raiseFloor(_ lane: String, to floor: EntryID) async throws -> Bool {
    try await onCommands { connection in
      // Refused where there is no such stream or no such right: then the ids are what they are.
      let reply = try await connection.send(["XSETID", .text(lane), .text(floor.description)])
      guard case .error(let message) = reply else { return true }
      if redirection(message) != nil { throw RedisError(.server, message) }
      // Something was written above it meanwhile, and so is all that follows.
      return message.contains("smaller than the target stream top item")
    }
  }
}
