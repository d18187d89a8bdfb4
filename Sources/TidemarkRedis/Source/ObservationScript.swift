internal import TidemarkCore

/// The script that says of a stream what ``LaneSnapshot`` holds, at one moment, and writes nothing.
///
/// `XINFO STREAM` brings the first and the last entry, of any size, and has no form that doesn't. Within a script they stay in the server; what
/// is answered is as small as their ids. `FULL COUNT 1` brings the first alone, and each group's oldest pending entry. The last is fetched only
/// where something is to be read and the first does not tell what: a quiet lane's costs nothing.
enum ObservationScript {
  /// KEYS: the stream. ARGV: the cursor, the last entry that was read, the question.
  ///
  /// Answers length, last-generated-id, entries-added, max-deleted-entry-id, id of the first entry or '', id of the last or '', of the cursor's
  /// entry '' where it is gone, `large` or its digest (see ``AnchorDigest``), id of the first entry behind the cursor or '', and for each group its name, its last-delivered-id and the id of its
  /// oldest pending entry or ''. Lua's numbers are doubles and round above 2^53, so decimal text is compared: by length, then by character.
  private static let script = RedisScript(
    """
    #!lua flags=no-writes,allow-oom
    local function above(a, b)
      if #a ~= #b then return #a > #b end
      return a > b
    end
    local function follows(a, b)
      local aMs, aNo = string.match(a, '^(%d+)-(%d+)$')
      local bMs, bNo = string.match(b, '^(%d+)-(%d+)$')
      return above(aMs, bMs) or (aMs == bMs and above(aNo, bNo))
    end
    local function named(list)
      local values = {}
      for i = 1, #list - 1, 2 do values[list[i]] = list[i + 1] end
      return values
    end
    local function digest(fields)
      if #fields > \(2 * AnchorDigest.most.fields) then return 'large' end
      local parts, size = {}, 0
      for i = 1, #fields do
        size = size + #fields[i]
        parts[2 * i - 1] = string.format('%d:', #fields[i])
        parts[2 * i] = fields[i]
      end
      if size > \(AnchorDigest.most.bytes) then return 'large' end
      return redis.sha1hex(table.concat(parts))
    end

    local cursor, read, question = ARGV[1], ARGV[2], ARGV[3]
    local info = redis.pcall('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', '1')
    if info.err then return info end
    local stream = named(info)
    local generated, deleted = stream['last-generated-id'], stream['max-deleted-entry-id']
    local entry = stream['entries'][1]
    local first, last, anchor, following = '', '', '', ''
    if entry then
      first = entry[1]
      if follows(generated, read) and not (follows(first, read) and follows(first, deleted)) then
        local found = redis.pcall('XREVRANGE', KEYS[1], '+', '-', 'COUNT', '1')
        if found.err then return found end
        last = found[1][1]
      end
      if question ~= '\(Question.comparison.rawValue)' then
        anchor = ''
      elseif first == cursor then
        anchor = digest(entry[2])
      elseif not follows(first, cursor) and not follows(cursor, generated) then
        local found = redis.pcall('XRANGE', KEYS[1], cursor, cursor)
        if found.err then return found end
        if found[1] then anchor = digest(found[1][2]) end
      end
      if question == '\(Question.next.rawValue)' and follows(generated, cursor) then
        if follows(first, cursor) then
          following = first
        else
          local found = redis.pcall('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', '1')
          if found.err then return found end
          if found[1] then following = found[1][1] end
        end
      end
    end
    local groups = {}
    for i, list in ipairs(stream['groups']) do
      local group = named(list)
      local pending = group['pending'][1]
      groups[i] = {group['name'], group['last-delivered-id'], pending and pending[1] or ''}
    end
    return {stream['length'], generated, stream['entries-added'], deleted, first, last, anchor, following, groups}
    """)

  private enum Question: String {
    case comparison, counters, next

    init(_ question: LaneCheck.Question) {
      switch question {
      case .comparison: self = .comparison
      case .counters: self = .counters
      case .next: self = .next
      }
    }
  }

  /// Down to what is said of a group.
  private static let bounds = ReplyBounds(longestBulk: 4096, budget: 8 << 20, deepestKept: 3)

  /// Asks for lanes, each as it is held against its stream.
  static func ask(_ lanes: [LaneCheck], on connection: RedisConnection) async throws -> [RedisReply] {
    try await script.call(
      lanes.map {
        [
          "1", .text($0.lane), .text($0.cursor.description), .text($0.readPosition.description), .text(Question($0.question).rawValue),
        ]
      }, bounds: bounds, on: connection)
  }
}

extension LaneObservation {
  /// Reads the answer of ``ObservationScript``. A key that does not exist was seen, too.
  ///
  /// - Parameter own: the group that mirrors the cursor.
  /// - Throws: ``RedisError`` for what is no fault of the key.
  init(_ reply: RedisReply, of lane: String, own: String) throws {
    if case .error(let message) = reply {
      if message.hasPrefix("ERR no such key") {
        self = .seen(LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone))
        return
      }
      guard ServerErrorClass.concernsKey(message) else { throw RedisError(.server, message) }
      self = .refused(.refusing(lane, "lane \(lane) can't be inspected: ", message, "; it must be a stream that we may read"))
      return
    }
    func id(_ index: Int) -> EntryID? { reply.elements?[index].text.flatMap { EntryID($0) } }
    guard let parts = reply.elements, parts.count == 9, let length = parts[0].number, let generated = id(1), let added = parts[2].number,
      let deleted = id(3), let anchor = parts[6].text, let groups = parts[8].elements
    else {
      throw RedisError(.malformedReply, "XINFO STREAM \(lane) lacks something that Redis 7.0 has")
    }
    let stream = LaneInspection(
      length: UInt64(max(0, length)), lastGeneratedID: generated, entriesAdded: UInt64(max(0, added)), maxDeletedID: deleted,
      firstID: id(4),
      lastID: id(5))
    let known = groups.compactMap { LaneGroup($0) }
    guard known.count == groups.count else { throw RedisError(.malformedReply, "XINFO STREAM \(lane) FULL tells no place of a group") }
    var snapshot = LaneSnapshot(
      stream: stream, hasGroup: known.contains { $0.name == own },
      anchor: anchor.isEmpty ? .gone : .there(AnchorDigest(hex: anchor)), groups: known)
    snapshot.next = id(7)
    self = .seen(snapshot)
  }
}

extension LaneGroup {
  /// Name, last-delivered-id and oldest pending entry. A name that is not UTF-8 is nobody's but the group counts.
  fileprivate init?(_ reply: RedisReply) {
    guard let parts = reply.elements, parts.count == 3, case .bulk(let name) = parts[0], let last = parts[1].text.flatMap({ EntryID($0) })
    else { return nil }
    self.init(
      name: String(decoding: name, as: UTF8.self), lastDelivered: last, firstPending: parts[2].text.flatMap { EntryID($0) })
  }
}
