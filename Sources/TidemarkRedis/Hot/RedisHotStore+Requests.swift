package import TidemarkCore

/// What workers do for sessions: requests and evictions.
extension RedisHotStore {
  package func requests(
    of lanes: [(name: String, after: EntryID)], limit: Int
  ) async throws -> (now: UInt64, requests: [LaneRequests]) {
    let streams = lanes.compactMap { lane in
      self.lanes.markPlace(of: lane.name).keys.map { (lane: lane.name, stream: $0.requests, after: lane.after) }
    }
    guard let first = streams.first else { return (0, []) }
    return try await translating {
      let now = try await time(beside: first.stream)
      let commands = streams.map { place -> (key: String, command: [RedisArgument]) in
        (place.stream, ["XRANGE", .text(place.stream), .text("(\(place.after)"), "+", "COUNT", .integer(Int64(limit))])
      }
      let requests = try zip(streams, try await keyspace.pipeline(commands)).compactMap { place, reply -> LaneRequests? in
        let entries = try (reply.orThrow().elements ?? []).compactMap { entry -> (id: EntryID, request: SessionRequest)? in
          guard let parts = entry.elements, parts.count == 2, let id = parts[0].text.flatMap({ EntryID($0) }) else { return nil }
          return (id, SessionRequest(fields: (parts[1].elements ?? []).map { $0.text ?? "" }))
        }
        return entries.isEmpty ? nil : LaneRequests(lane: place.lane, entries: entries)
      }
      return (UInt64(max(0, now)), requests)
    }
  }

  package func removeRequests(_ ids: [EntryID], of lane: String) async throws {
    guard !ids.isEmpty, let stream = lanes.markPlace(of: lane).keys?.requests else { return }
    let command: [RedisArgument] = ["XDEL", .text(stream)] + ids.map { .text($0.description) }
    try await translating { _ = try await keyspace.pipeline([(stream, command)])[0].orThrow() }
  }

  package func evictable(
    _ sessions: [String], idleFor idle: Duration, for installation: InstallationID
  ) async throws -> [EvictedSession] {
    try await evicting("evictable", sessions.map { ($0, last: nil) }, idle, installation).map(\.0)
  }

  package func evict(
    _ sessions: [EvictedSession], idleFor idle: Duration, for installation: InstallationID
  ) async throws -> [(EvictedSession, bytes: Int)] {
    let ids = Dictionary(sessions.map { (SessionKey($0.id), $0.eventIDs) }) { $1 }
    return try await evicting("evict", sessions.map { ($0.id, last: $0.entry) }, idle, installation).map { evicted, bytes in
      var evicted = evicted
      // They are those of the same last change, and many; Redis does not send them again.
      evicted.eventIDs = ids[SessionKey(evicted.id)] ?? []
      return (evicted, bytes: bytes)
    }
  }

  private func evicting(
    _ function: String, _ sessions: [(id: String, last: EntryID?)], _ idle: Duration, _ installation: InstallationID
  ) async throws -> [(EvictedSession, bytes: Int)] {
    let milliseconds = Int64(idle.seconds * 1000)
    let calls = try sessions.map { id, last -> (key: String, command: [RedisArgument]) in
      let keys = try keys(of: id)
      let expected: [RedisArgument] = last.map { [.text($0.description)] } ?? []
      let arguments: [RedisArgument] = [.text(id), .text(installation.text), .integer(milliseconds)] + expected
      return (keys.session, FunctionCall.command(function, of: lanes.keys.functions, isReading: last == nil, keys, arguments))
    }
    return try await translating {
      let replies = try await keyspace.pipeline(calls)
      try replies.throwIfAllFailed()
      return zip(sessions, replies).compactMap { session, reply in
        // The others are removed by now, and have to be recorded whatever becomes of one.
        guard let parts = reply.elements, parts.count == 7, let seq = parts[0].number, let epoch = parts[1].number,
          let entry = parts[2].text.flatMap({ EntryID($0) }), let lane = lanes.hotKeys(of: session.id)?.partition.changes
        else { return nil }
        let evicted = EvictedSession(
          id: session.id, lane: lane, incarnation: parts[3].number ?? 0, history: parts[6].text.flatMap { $0.isEmpty ? nil : $0 },
          epoch: epoch, seq: seq, entry: entry, eventIDs: (parts[5].elements ?? []).map { $0.text ?? "" })
        return (evicted, Int(parts[4].number ?? 0))
      }
    }
  }
}
