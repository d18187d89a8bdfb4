package import TidemarkCore

extension RedisLaneSource {
  /// Entries that one command removes at most: it stops the server meanwhile.
  private static let step = 10_000

  package func trim(
    _ cuts: [(lane: String, below: EntryID)], over connection: WriteConnection
  ) async throws -> [Result<Int, SourceError>] {
    try await onCommands(over: connection) { connection in
      var trimmed: [Result<Int, SourceError>] = []
      for cut in cuts {
        do {
          trimmed.append(.success(try await Self.trim(cut.lane, cut.below, on: connection)))
        } catch let error as RedisError where error.code == .server && ServerErrorClass.concernsKey(error.message) {
          trimmed.append(.failure(.refusing(cut.lane, "lane \(cut.lane) can't be trimmed: \(error.message.prefix(200))")))
        }
      }
      return trimmed
    }
  }

  private static func trim(_ lane: String, _ below: EntryID, on connection: RedisConnection) async throws -> Int {
    // Whole nodes first, which is cheap; the rest of a node once there is no more of them.
    let (lane, id) = (RedisArgument.text(lane), RedisArgument.text(below.description))
    let nodes = try await connection.send(["XTRIM", lane, "MINID", "~", id, "LIMIT", .integer(Int64(step))]).orThrow()
    let count = Int(nodes.number ?? 0)
    guard count < step - 1000 else { return count }
    return count + Int(try await connection.send(["XTRIM", lane, "MINID", id]).orThrow().number ?? 0)
  }
}
