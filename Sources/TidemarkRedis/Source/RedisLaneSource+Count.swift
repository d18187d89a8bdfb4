package import TidemarkCore

extension RedisLaneSource {
  /// The number of entries in a page. Their values are not kept here, but Redis builds each page as a whole.
  private static let pageSize = 256

  package func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64 {
    try await onCommands { connection in
      var total: UInt64 = 0
      var start = "(\(after)"
      while true {
        let reply = try await connection.send(
          ["XRANGE", .text(lane), .text(start), .text("\(through)"), "COUNT", .integer(Int64(Self.pageSize))], bounds: .inspection
        ).orThrow()
        let page = reply.elements ?? []
        total += UInt64(page.count)
        guard page.count == Self.pageSize, let last = page.last?.elements?.first?.text else { return total }
        start = "(\(last)"
      }
    }
  }
}
