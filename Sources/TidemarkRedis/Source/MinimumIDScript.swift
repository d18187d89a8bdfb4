internal import TidemarkCore

/// The script that raises a lane's minimum id, so that later ids are above it, unless the prefix has another installation's id.
enum MinimumIDScript {
  /// KEYS: the stream, and the hash of its marks if both have one slot. ARGV: the installation's id and its field, the id.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = KEYS[2] and foreign(KEYS[2], ARGV[2], ARGV[1])
    if refusal then return refusal end
    return redis.pcall('XSETID', KEYS[1], ARGV[3])
    """)

  /// Returns the reply of XSETID: an error if there is no such stream or no such right, or if the stream has passed that id.
  static func raise(
    _ lane: String, to floor: EntryID, for installation: InstallationID, in catalog: LaneCatalog, isCluster: Bool,
    on connection: RedisConnection
  ) async throws -> RedisReply {
    let (keys, field) = InstallationGuard.keys(of: lane, in: catalog, isCluster: isCluster)
    return try await script.call([keys + [.text(installation.text), field, .text(floor.description)]], on: connection)[0]
  }
}
