package import TidemarkCore

extension RedisLaneSource {
  /// Entries that one command removes at most: it stops the server meanwhile.
  private static let step = 10_000
  /// Down to the ids of pending entries; of the stream's entries one comes along, whatever its size.
  private static let bounds = ReplyBounds(longestBulk: 4096, budget: 8 << 20, deepestKept: 5)

  package func groups(_ lanes: [String]) async throws -> [[LaneGroup]?] {
    try await onCommands { connection in
      let replies = try await connection.pipeline(lanes.map { ["XINFO", "STREAM", .text($0), "FULL", "COUNT", "1"] }, bounds: Self.bounds)
      return try zip(lanes, replies).map { lane, reply in
        if case .error(let message) = reply, message.hasPrefix("ERR no such key") { return nil }
        guard let groups = try reply.orThrow()["groups"]?.elements else {
          throw RedisError(.malformedReply, "XINFO STREAM \(lane) FULL tells no groups")
        }
        return groups.compactMap { Self.group($0) }
      }
    }
  }

  /// Pending entries come in the order of their ids.
  private static func group(_ reply: RedisReply) -> LaneGroup? {
    guard let name = reply["name"]?.text, let last = reply["last-delivered-id"]?.text.flatMap({ EntryID($0) }) else { return nil }
    let pending = reply["pending"]?.elements?.first?.elements?.first?.text.flatMap { EntryID($0) }
    return LaneGroup(name: name, lastDelivered: last, firstPending: pending)
  }

  package func trim(_ cuts: [(lane: String, below: EntryID)], over connection: WriteConnection) async throws -> [Int] {
    try await onCommands(over: connection) { connection in
      var trimmed: [Int] = []
      for cut in cuts {
        // Whole nodes first, which is cheap; the rest of a node once there is no more of them.
        let (lane, id) = (RedisArgument.text(cut.lane), RedisArgument.text(cut.below.description))
        let nodes = try await connection.send(["XTRIM", lane, "MINID", "~", id, "LIMIT", .integer(Int64(Self.step))]).orThrow()
        var count = Int(nodes.number ?? 0)
        if count < Self.step - 1000 { count += Int(try await connection.send(["XTRIM", lane, "MINID", id]).orThrow().number ?? 0) }
        trimmed.append(count)
      }
      return trimmed
    }
  }
}
