internal import TidemarkCore

extension LaneInspection {
  /// Reads the reply of `XINFO STREAM`. Nil where there is no such key.
  ///
  /// - Throws: ``SourceError`` `laneRefused` for a key that is no stream or may not be read, else ``RedisError``.
  static func reading(_ reply: RedisReply, of lane: String) throws -> LaneInspection? {
    if case .error(let message) = reply {
      if message.hasPrefix("ERR no such key") { return nil }
      let isOfKey = message.hasPrefix("WRONGTYPE") || (message.hasPrefix("NOPERM") && !message.contains("to run the"))
      guard isOfKey else { throw RedisError(.server, message) }
      throw SourceError(.laneRefused(lane), "lane \(lane) can't be inspected: \(message); it must be a stream that we may read")
    }
    func id(_ name: String) -> EntryID? { reply[name]?.text.flatMap { EntryID($0) } }
    guard let length = reply["length"]?.number, let last = id("last-generated-id"),
      let added = reply["entries-added"]?.number, let deleted = id("max-deleted-entry-id")
    else {
      throw RedisError(.malformedReply, "XINFO STREAM \(lane) lacks a counter that Redis 7.0 has")
    }
    // An empty stream has a null here.
    func end(_ name: String) -> EntryID? { reply[name]?.elements?.first?.text.flatMap { EntryID($0) } }
    return LaneInspection(
      length: UInt64(max(0, length)), lastGeneratedID: last, entriesAdded: UInt64(max(0, added)), maxDeletedID: deleted,
      firstID: end("first-entry"), lastID: end("last-entry"))
  }
}
