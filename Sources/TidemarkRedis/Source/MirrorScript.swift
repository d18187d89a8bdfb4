internal import TidemarkCore

/// The script that moves or creates the group that mirrors a lane's cursor, unless the prefix has another installation's id.
enum MirrorScript {
  /// The operation on the group.
  enum Step: String {
    case move = "SETID"
    case make = "CREATE"
  }

  /// KEYS: the stream, and the hash of its marks if both have one slot. ARGV: the installation's id and its field, the step, the group, its
  /// position, the number of entries it has read.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = KEYS[2] and foreign(KEYS[2], ARGV[2], ARGV[1])
    if refusal then return refusal end
    local done = redis.pcall('XGROUP', ARGV[3], KEYS[1], ARGV[4], ARGV[5], 'ENTRIESREAD', ARGV[6])
    if done.err then return redis.error_reply(done.err .. ' (XGROUP ' .. ARGV[3] .. ')') end
    return done
    """)

  static func call(
    _ step: Step, _ cursors: [LaneMirror], in catalog: LaneCatalog, isCluster: Bool, on connection: RedisConnection
  ) async throws -> [RedisReply] {
    let calls = cursors.map { cursor -> [RedisArgument] in
      let (keys, field) = InstallationGuard.keys(of: cursor.lane, in: catalog, isCluster: isCluster)
      return keys + [
        .text(cursor.installation.text), field, .text(step.rawValue), .text(catalog.keys.prefix), .text(cursor.position.description),
        .integer(Int64(clamping: cursor.ordinal)),
      ]
    }
    return try await script.call(calls, on: connection)
  }
}
