internal import TidemarkCore

/// The reply of ``ObservationScript`` for a lane.
enum ObservationAnswer {
  case whole(ObservedStream, facts: String, ObservationBudget.Cost)
  case same
  /// The cheap facts; `added` is nil if they don't include it.
  case changed(length: UInt64, added: UInt64?)
  case refused(SourceError)

  /// Parses a reply. A key that does not exist counts as fully observed.
  ///
  /// - Parameter own: the group that mirrors the cursor.
  /// - Throws: ``RedisError`` for an error that does not concern the key.
  init(_ reply: RedisReply, of lane: String, own: String) throws {
    switch reply {
    case .error(let message) where message.hasPrefix("ERR no such key"):
      self = .whole(ObservedStream(stream: nil, hasGroup: false, anchor: .gone), facts: "", .init(strings: 0, bytes: 0))
    case .error(let message):
      guard ServerErrorClass.concernsKey(message) else { throw RedisError(.server, message) }
      self = .refused(.refusing(lane, "lane \(lane) can't be inspected: ", message, "; it must be a stream that this user may read"))
    case .status: self = .same
    case .array(let parts) where parts.count == 2:
      guard let length = parts[0].number, let added = parts[1].number else { throw Self.malformed(lane) }
      self = .changed(length: UInt64(max(0, length)), added: added < 0 ? nil : UInt64(added))
    case .array(let parts) where parts.count == 12: self = try Self.whole(parts, of: lane, own: own)
    default: throw Self.malformed(lane)
    }
  }

  private static func whole(_ parts: [RedisReply], of lane: String, own: String) throws -> ObservationAnswer {
    func id(_ index: Int) -> EntryID? { parts[index].text.flatMap { EntryID($0) } }
    guard let length = parts[0].number, let generated = id(1), let added = parts[2].number, let deleted = id(3),
      let anchor = parts[6].text, let groups = parts[8].elements, let strings = parts[9].number, let bytes = parts[10].number,
      let facts = parts[11].text
    else { throw malformed(lane) }
    let known = groups.compactMap { LaneGroup($0) }
    guard known.count == groups.count else { throw malformed(lane) }
    var observed = ObservedStream(
      stream: StreamInfo(
        length: UInt64(max(0, length)), lastGeneratedID: generated, entriesAdded: UInt64(max(0, added)), maxDeletedID: deleted,
        firstID: id(4), lastID: id(5)),
      hasGroup: known.contains { $0.name == own }, anchor: anchor.isEmpty ? .gone : .there(AnchorDigest(hex: anchor)), groups: known)
    observed.next = id(7)
    return .whole(observed, facts: facts, .init(strings: Int(clamping: strings), bytes: Int(clamping: bytes)))
  }

  private static func malformed(_ lane: String) -> RedisError {
    RedisError(.malformedReply, "XINFO STREAM \(lane) lacks something that Redis 7.0 has")
  }
}

extension LaneGroup {
  /// The name, the last-delivered-id and the oldest pending entry of a group. A name that is not UTF-8 belongs to no worker, but the group
  /// counts.
  fileprivate init?(_ reply: RedisReply) {
    guard let parts = reply.elements, parts.count == 3, case .bulk(let name) = parts[0], let last = parts[1].text.flatMap({ EntryID($0) })
    else { return nil }
    self.init(
      name: String(decoding: name, as: UTF8.self), lastDelivered: last, firstPending: parts[2].text.flatMap { EntryID($0) })
  }
}
