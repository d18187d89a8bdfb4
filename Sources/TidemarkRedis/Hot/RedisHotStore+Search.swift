package import TidemarkCore

/// How workers find the sessions that may be evicted.
extension RedisHotStore {
  package func sessions(after place: HotPlace?, count: Int) async throws -> HotPage {
    try await translating {
      let place = place ?? HotPlace(server: 0, cursor: "0")
      let connections = try await keyspace.connections()
      guard connections.indices.contains(place.server) else { return HotPage(now: 0, next: nil) }
      let pattern = GlobPattern.escaped(lanes.keys.prefix) + ":{*}:session:*"
      let replies = try await connections[place.server].pipeline([
        ["TIME"], ["SCAN", .text(place.cursor), "MATCH", .text(pattern), "COUNT", .integer(Int64(count)), "TYPE", "hash"],
      ])
      let now = Int64(clamping: try replies[0].clockMilliseconds())
      guard let parts = try replies[1].orThrow().elements, parts.count == 2, let cursor = parts[0].text, let names = parts[1].elements
      else {
        throw RedisError(.malformedReply, "the reply to SCAN is not a cursor and names")
      }
      let sessions = try await find(names.compactMap { $0.text.flatMap(session(ofKey:)) })
      if cursor != "0" { return HotPage(sessions: sessions, now: now, next: HotPlace(server: place.server, cursor: cursor)) }
      let isLast = place.server + 1 >= connections.count
      return HotPage(sessions: sessions, now: now, next: isLast ? nil : HotPlace(server: place.server + 1, cursor: "0"))
    }
  }

  package func memoryShare(beside session: String) async throws -> Double? {
    let key = try keys(of: session).session
    return try await translating {
      RedisInspector.memoryShare(RedisInspector.facts(of: try await keyspace.pipeline([(key, ["INFO", "memory"])])[0].orThrow()))
    }
  }

  /// Reads of these sessions what decides about their eviction. The marks come first: what they covered then, they cover later.
  private func find(_ ids: [String]) async throws -> [FoundSession] {
    guard !ids.isEmpty else { return [] }
    let places = try ids.map { ($0, try keys(of: $0)) }
    let lanes = Set(places.map(\.1.partition.changes)).map { (name: $0, hash: self.lanes.markPlace(of: $0).hash) }
    let marks = lanes.map { (key: $0.hash, command: ["HGET", .text($0.hash), "durable"] as [RedisArgument]) }
    let uses = places.map { _, keys -> (key: String, command: [RedisArgument]) in
      (keys.session, ["HMGET", .text(keys.session), "entry_id", "restored_at"])
    }
    let replies = try await keyspace.pipeline(marks + uses)
    try replies.throwIfAllFailed()
    let durable = Dictionary(
      uniqueKeysWithValues: zip(lanes, replies).compactMap { lane, mark in mark.text.flatMap { EntryID($0) }.map { (lane.name, $0) } })
    return zip(places, replies.dropFirst(lanes.count)).compactMap { place, reply in
      guard let values = reply.elements, values.count == 2, let entry = values[0].text.flatMap({ EntryID($0) }) else { return nil }
      let lane = place.1.partition.changes
      return FoundSession(
        id: place.0, lane: lane, usedAt: max(Int64(clamping: entry.ms), values[1].number ?? 0),
        isDurable: durable[lane].map { entry <= $0 } ?? false)
    }
  }

  /// The session whose hash has this name; nil for another key.
  private func session(ofKey name: String) -> String? {
    guard let range = name.firstRange(of: "}:session:") else { return nil }
    let id = String(name[range.upperBound...])
    return lanes.hotKeys(of: id)?.session == name ? id : nil
  }
}
