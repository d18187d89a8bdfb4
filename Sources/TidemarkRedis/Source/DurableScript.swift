internal import TidemarkCore

/// The script that moves durable marks, and the keys of the marks.
///
/// The server compares and sets in one step: two workers may publish during a takeover, and a late publish must not move a mark back. All
/// keys are declared, so the script also works in a Cluster, where the keys of a lane share its slot.
enum DurableScript {
  /// KEYS: the hash of the marks, and of the rejected entries if there are any. These are written to both hashes: the function library may
  /// read the first one only.
  /// ARGV: the installation's id and its field, channel or '', the number of marks, for each: field of the id, field of the incarnation,
  /// id, incarnation, and `gone` if the stream no longer exists, `again` if the mark may only follow another one, or ''; then entry, reason,
  /// ... of the rejected entries, which come with a single mark. Returns, for each mark that was refused, its number from 1 and the later
  /// incarnation that the hash has, or `unmarked` if the hash has no mark that this one may follow.
  ///
  /// A lane's own hash also gets the history of the server's data in which the lane was compared with its stream. In a later history it may lack
  /// the last entries, as after the promotion of a replica, so a mark of another one may not be followed without a comparison either, and
  /// functions that put sessions back wait for the next mark. Where the server was promoted itself, the hash gets the time, too: a slot of a
  /// Cluster that moves on takes it along.
  ///
  /// Rejected entries are written even if the mark is already set, because a repeated call must complete the first one.
  ///
  /// The script also runs on a server that is full: a mark replaces the previous one, and the record of a rejected entry is smaller than
  /// the entry, which can be trimmed once its outcome is published. Otherwise agents that wait for a mark would wait forever.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = foreign(KEYS[1], ARGV[2], ARGV[1])
    if refusal then return refusal end
    \(EntryIDOrder.lua)
    local history, is_promoted = '', false
    if ARGV[3] ~= '' then
      local info = redis.pcall('INFO', 'replication')
      info = type(info) == 'string' and info or ''
      history = string.match(info, 'master_replid:(%x%x%x%x%x%x%x%x%x%x)') or ''
      is_promoted = string.find(info, 'master_replid2:0*[1-9a-f]') ~= nil
    end
    local compared = history ~= '' and redis.call('HGET', KEYS[1], 'history') or history
    local refused = {}
    local rejected = 5 + 5 * tonumber(ARGV[4])
    for i = 5, rejected - 1, 5 do
      local id, to = ARGV[i + 2], ARGV[i + 3]
      local now = redis.call('HMGET', KEYS[1], ARGV[i], ARGV[i + 1])
      local held, incarnation = now[1], now[2]
      if not incarnation or not string.find(incarnation, '^%d+$') then incarnation = '0' end
      if above(incarnation, to) then
        refused[#refused + 1] = i / 5
        refused[#refused + 1] = incarnation
      elseif ARGV[i + 4] == 'gone' then
        if held and (incarnation ~= to or not follows(held, id)) then redis.call('HDEL', KEYS[1], ARGV[i], ARGV[i + 1]) end
      elseif ARGV[i + 4] == 'again' and (not held or compared ~= history) then
        refused[#refused + 1] = i / 5
        refused[#refused + 1] = 'unmarked'
      else
        if KEYS[2] then
          for r = rejected, #ARGV, 2 do
            redis.call('HSET', KEYS[2], ARGV[r], ARGV[r + 1])
            redis.call('HSET', KEYS[1], 'rejected:' .. ARGV[r], ARGV[r + 1])
          end
        end
        if not held or incarnation ~= to or follows(id, held) then
          redis.call('HSET', KEYS[1], ARGV[i], id, ARGV[i + 1], to, ARGV[2], ARGV[1])
          if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], id) end
        end
        -- A late mark says nothing of what a later owner has read.
        if history ~= '' and not (held and incarnation == to and follows(held, id)) then
          redis.call('HSET', KEYS[1], 'history', history)
          if compared ~= history and is_promoted then
            local time = redis.call('TIME')
            redis.call('HSET', KEYS[1], 'promoted_at', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
          end
        end
      end
    end
    return refused
    """)

  /// The largest number of marks in one call for marks that share a hash.
  private static let marksOfCall = 128

  /// The marks that share one call, and the call.
  private struct Call {
    var lanes: [String]
    var key: String
    var arguments: [RedisArgument]
  }

  /// Sends a call for each lane with a hash of its own and a few calls for all others in one pipeline. A failed call does not affect the
  /// others. Returns the lanes whose keys have another type or may not be written, which have a later incarnation, and those whose marks may
  /// not be the first.
  static func publish(
    _ marks: ArraySlice<DurableMark>, in catalog: LaneCatalog, on connection: RedisConnection
  ) async throws -> [String: SourceError] {
    let calls = calls(for: marks, in: catalog)
    let replies = try await script.call(calls.map(\.arguments), on: connection)
    var refused = try SourceError.refusals(of: zip(calls, replies).map { ($0.lanes, $0.key, $1) })
    for (call, reply) in zip(calls, replies) {
      let answers = reply.elements ?? []
      for place in stride(from: 0, to: answers.count - 1, by: 2) {
        guard let number = answers[place].number, call.lanes.indices.contains(Int(number) - 1), let reason = answers[place + 1].text else {
          continue
        }
        let lane = call.lanes[Int(number) - 1]
        if let known = Int64(reason) {
          refused[lane] = SourceError(.outdated(known), "incarnation \(known) was published to agents")
        } else {
          refused[lane] = SourceError(.unmarked, "Redis has lost the mark of \(lane)")
        }
      }
    }
    return refused
  }

  private static func calls(for marks: ArraySlice<DurableMark>, in catalog: LaneCatalog) -> [Call] {
    var calls: [Call] = []
    var others: [DurableMark] = []
    for mark in marks {
      guard let keys = catalog.markPlace(of: mark.lane).keys else {
        others.append(mark)
        continue
      }
      // Keys that are not needed are not named: while a slot is migrated, one of two keys may be on each node.
      var call: [RedisArgument] =
        mark.rejected.isEmpty ? ["1", .text(keys.marks)] : ["2", .text(keys.marks), .text(keys.rejected)]
      call += [.text(mark.installation.text), .text(RedisPrefix.installationField), .text(keys.durableChannel), "1"]
      call += arguments(of: mark, "durable", "incarnation")
      for rejection in mark.rejected { call += [.text(rejection.id.description), .text(rejection.reason)] }
      calls.append(Call(lanes: [mark.lane], key: keys.marks, arguments: call))
    }
    // All other lanes share one hash; the incarnation is in a separate field beside the mark.
    for (installation, others) in Dictionary(grouping: others, by: \.installation) {
      for start in stride(from: 0, to: others.count, by: marksOfCall) {
        let part = others[start..<min(start + marksOfCall, others.count)]
        let head: [RedisArgument] = [
          "1", .text(catalog.keys.sharedMarks), .text(installation.text), .text(RedisPrefix.sharedInstallationField), "",
          .integer(Int64(part.count)),
        ]
        let moved = part.flatMap { mark in
          let fields = fields(of: mark.lane, at: catalog.markPlace(of: mark.lane))
          return arguments(of: mark, fields.durable, fields.incarnation)
        }
        calls.append(Call(lanes: part.map(\.lane), key: catalog.keys.sharedMarks, arguments: head + moved))
      }
    }
    return calls
  }

  private static func arguments(of mark: DurableMark, _ field: RedisArgument, _ incarnation: RedisArgument) -> [RedisArgument] {
    let condition: RedisArgument = mark.isGone ? "gone" : mark.isSurveyed ? "" : "again"
    return [field, incarnation, .text(mark.durable.description), .integer(max(0, mark.incarnation)), condition]
  }

  /// Returns the fields of ``MarkPlace/hash`` that hold a lane's mark.
  private static func fields(of lane: String, at place: MarkPlace) -> (durable: RedisArgument, incarnation: RedisArgument) {
    switch place {
    case .laneHash: ("durable", "incarnation")
    case .sharedHash: (.text(lane), .text("incarnation:\(lane)"))
    }
  }

  /// Returns the marks that were last published for these lanes; nil if there is none, or if the key has another type. A mark of another
  /// history than the present one is not surveyed.
  static func marks(of lanes: [String], in catalog: LaneCatalog, on connection: RedisConnection) async throws -> [DurableMark?] {
    let commands: [[RedisArgument]] = lanes.map { lane in
      let place = catalog.markPlace(of: lane)
      let fields = fields(of: lane, at: place)
      return ["HMGET", .text(place.hash), fields.durable, fields.incarnation] + (place.keys == nil ? [] : ["history"])
    }
    let replies = try await connection.pipeline(commands + [RedisHistory.command])
    let history = replies.last.flatMap(RedisHistory.name)
    return try zip(lanes, replies).map { lane, reply in
      if case .error(let message) = reply, ServerErrorClass.concernsKey(message) { return nil }
      guard let values = try reply.orThrow().elements, values.count >= 2, let durable = values[0].text.flatMap({ EntryID($0) }),
        let incarnation = values[1].text.flatMap({ Int64($0) })
      else { return nil }
      let compared = values.count > 2 ? values[2].text : nil
      let isSurveyed = compared == nil || history == nil || compared == history
      return DurableMark(lane: lane, durable: durable, incarnation: incarnation, rejected: [], isSurveyed: isSurveyed)
    }
  }
}
