internal import TidemarkCore

/// The script that raises a lane's minimum id, so that later ids are above it, unless the prefix has another installation's id.
enum MinimumIDScript {
  /// KEYS: the stream, and the hash of its marks if both have one slot. ARGV: the installation's id and its field, the id.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    \(EntryIDOrder.lua)
    local refusal = KEYS[2] and foreign(KEYS[2], ARGV[2], ARGV[1])
    if refusal then return refusal end
    -- XSETID would also lower the last id, down to that of the last entry that is still there.
    local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
    if info['err'] then return info end
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' and not follows(ARGV[3], info[i + 1]) then return redis.status_reply('OK') end
    end
    return redis.pcall('XSETID', KEYS[1], ARGV[3])
    """)

  /// Returns the reply of XSETID, or OK if the stream's ids are above that id already: an error if there is no such stream or no such right.
  static func raise(
    _ lane: String, to floor: EntryID, for installation: InstallationID, in catalog: LaneCatalog, isCluster: Bool,
    on connection: RedisConnection
  ) async throws -> RedisReply {
    let (keys, field) = InstallationGuard.keys(of: lane, in: catalog, isCluster: isCluster)
    return try await script.call([keys + [.text(installation.text), field, .text(floor.description)]], on: connection)[0]
  }
}
