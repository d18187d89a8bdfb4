internal import TidemarkCore

extension RedisConnection {
  /// Returns the names of this server's streams that match a glob pattern. Scans all keys. Throws ``RedisError``.
  func streams(matching pattern: String) async throws -> [String] {
    var names: Set<String> = []
    var cursor = "0"
    var filters = true
    repeat {
      let scan: [RedisArgument] = ["SCAN", .text(cursor), "MATCH", .text(pattern), "COUNT", "1000"]
      var reply = try await send(filters ? scan + ["TYPE", "stream"] : scan)
      if filters, case .error(let message) = reply, ServerErrorClass(message) == .other {
        // Some proxies do not support TYPE in SCAN.
        filters = false
        reply = try await send(scan)
      }
      guard let page = try reply.orThrow().elements, page.count == 2, let next = page[0].text, let keys = page[1].elements else {
        throw RedisError(.malformedReply, "the reply to SCAN is not a cursor and keys")
      }
      // A name that is not UTF-8 can neither be configured nor stored as text.
      let found = keys.compactMap(\.text)
      if filters {
        names.formUnion(found)
      } else {
        let types = try await pipeline(found.map { ["TYPE", .text($0)] })
        for (name, type) in zip(found, types) where try type.orThrow().text == "stream" { names.insert(name) }
      }
      cursor = next
    } while cursor != "0"
    return Array(names)
  }
}
