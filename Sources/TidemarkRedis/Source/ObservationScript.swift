internal import TidemarkCore

/// The script that returns the values of ``ObservedStream`` for a stream at one moment; it writes nothing.
///
/// `XINFO STREAM` returns the first and the last entry, of any size, and has no form without them. Within a script they stay in the server,
/// and the reply is as small as their ids. `FULL COUNT 1` returns only the first entry, and each group's oldest pending entry. The last
/// entry is fetched only if entries are to be read and the first one does not answer the question, so a quiet lane's last entry costs
/// nothing. The script counts the data that an observation carries, and an expensive observation is not repeated before a cheap fact has
/// changed, see ``ObservationBudget``.
enum ObservationScript {
  /// KEYS: the stream. ARGV: the cursor, the last entry that was read, the question, the own group, `facts` if no more is wanted, the known
  /// cheap facts or ''.
  ///
  /// Returns `same` if the cheap facts are the known ones; else length and entries-added (-1: unknown), if no more is wanted; else length,
  /// last-generated-id, entries-added, max-deleted-entry-id, the id of the first entry or '', the id of the last or '', for the cursor's
  /// entry '' if it is gone, `large` or its digest (see ``AnchorDigest``), the id of the first entry after the cursor or '', for each group
  /// its name, its last-delivered-id and the id of its oldest pending entry or '', the number of strings that were carried, their bytes,
  /// and the cheap facts if these were many.
  private static let script = RedisScript(
    """
    #!lua flags=no-writes,allow-oom
    \(EntryIDOrder.lua)
    local function named(list)
      local values = {}
      for i = 1, #list - 1, 2 do values[list[i]] = list[i + 1] end
      return values
    end
    local cursor, read, question, own = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

    local function cheap()
      local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
      if groups.err then return redis.error_reply(groups.err .. ' (XINFO GROUPS)') end
      local length = redis.call('XLEN', KEYS[1])
      local parts, added = {tostring(length)}, -1
      for i, list in ipairs(groups) do
        local group = named(list)
        local ordinal, lag = group['entries-read'], group['lag']
        parts[i + 1] = table.concat({group['name'], group['last-delivered-id'], tostring(ordinal), tostring(lag), group['pending']}, ' ')
        if group['name'] == own and ordinal and lag then added = ordinal + lag end
      end
      return {length = length, added = added, facts = added >= 0 and redis.sha1hex(table.concat(parts, '|')) or ''}
    end
    if ARGV[5] == 'facts' or ARGV[6] ~= '' then
      local now = cheap()
      if now.err then return now end
      if now.facts ~= '' and now.facts == ARGV[6] then return redis.status_reply('same') end
      if ARGV[5] == 'facts' then return {now.length, now.added} end
    end

    local strings, bytes = 0, 0
    local function carried(fields)
      strings = strings + #fields
      if #fields > 20000 then return end
      for i = 1, #fields do bytes = bytes + #fields[i] end
    end
    local function digest(fields)
      if #fields > \(2 * AnchorDigest.most.fields) then return 'large' end
      local parts, size = {}, 0
      for i = 1, #fields do
        size = size + #fields[i]
        if size > \(AnchorDigest.most.bytes) then return 'large' end
        parts[2 * i - 1] = string.format('%d:', #fields[i])
        parts[2 * i] = fields[i]
      end
      return redis.sha1hex(table.concat(parts))
    end
    -- The command is called by the caller, because a refusal names its line.
    local function fetched(found)
      if found[1] then carried(found[1][2]) end
      return found[1]
    end

    local info = redis.pcall('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', '1')
    if info.err then return redis.error_reply(info.err .. ' (XINFO STREAM)') end
    local stream = named(info)
    local generated, deleted = stream['last-generated-id'], stream['max-deleted-entry-id']
    local length, added = stream['length'], stream['entries-added']
    local entry = stream['entries'][1]
    local first, last, anchor, following = '', '', '', ''
    if entry then
      first = entry[1]
      carried(entry[2])
      if follows(generated, read) and not (follows(first, read) and follows(first, deleted)) then
        last = fetched(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', '1'))[1]
      end
      if question ~= '\(Question.comparison.rawValue)' then
        anchor = ''
      elseif first == cursor then
        anchor = digest(entry[2])
      elseif not follows(first, cursor) and not follows(cursor, generated) then
        local found = fetched(redis.call('XRANGE', KEYS[1], cursor, cursor))
        if found then anchor = digest(found[2]) end
      end
      if question == '\(Question.next.rawValue)' and follows(generated, cursor) then
        if follows(first, cursor) then
          following = first
        else
          local found = fetched(redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', '1'))
          if found then following = found[1] end
        end
      end
    end
    local groups = {}
    for i, list in ipairs(stream['groups']) do
      local group = named(list)
      local pending = group['pending'][1]
      groups[i] = {group['name'], group['last-delivered-id'], pending and pending[1] or ''}
    end
    local facts = ''
    if strings > \(ObservationBudget.Cost.cheap.strings) or bytes > \(ObservationBudget.Cost.cheap.bytes) then
      facts = cheap().facts or ''
      -- Otherwise Lua would keep the carried data for some fifty further calls.
      info, stream, entry = nil, nil, nil
      collectgarbage()
    end
    return {length, generated, added, deleted, first, last, anchor, following, groups, strings, bytes, facts}
    """)

  private enum Question: String {
    case comparison, counters, next

    init(_ question: ExpectedStream.Question) {
      switch question {
      case .comparison: self = .comparison
      case .counters: self = .counters
      case .next: self = .next
      }
    }
  }

  /// The bounds reach down to the members of a group.
  private static let bounds = ReplyBounds(longestBulk: 4096, budget: 8 << 20, deepestKept: 3)

  /// Asks for lanes, each with its expected stream.
  ///
  /// - Parameter own: the group that mirrors cursors.
  static func ask(
    _ lanes: [(check: ExpectedStream, effort: ObservationBudget.Effort)], own: String, on connection: RedisConnection
  ) async throws -> [RedisReply] {
    try await script.call(
      lanes.map { check, effort in
        let (extent, facts): (String, String) =
          switch effort {
          case .whole: ("whole", "")
          case .unlessSame(let facts): ("whole", facts)
          case .facts(let facts): ("facts", facts)
          }
        return [
          "1", .text(check.lane), .text(check.cursor.description), .text(check.readPosition.description),
          .text(Question(check.question).rawValue), .text(own), .text(extent), .text(facts),
        ]
      }, bounds: bounds, on: connection)
  }
}
