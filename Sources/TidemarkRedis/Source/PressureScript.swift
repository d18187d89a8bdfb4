internal import TidemarkCore

/// The script that publishes a lane's pressure to agents, and the settings that the function library obeys, unless the prefix has another
/// installation's id.
///
/// It also runs on a server that is full, which is when agents must know: the fields exist already or take a few bytes, and memory is
/// freed only when agents stop and the worker trims.
enum PressureScript {
  /// KEYS: the hash of the lane. ARGV: the installation's id and its field, the level, the time until which it is valid; whether it is
  /// enforced (1 or 0), the number of hot messages, the most bytes and the most fields of an entry.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = foreign(KEYS[1], ARGV[2], ARGV[1])
    if refusal then return refusal end
    redis.call('HSET', KEYS[1], 'pressure', ARGV[3], 'pressure_until', ARGV[4],
      'hot_messages', ARGV[6], 'max_entry_bytes', ARGV[7], 'max_fields', ARGV[8])
    if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'enforce', '1') else redis.call('HDEL', KEYS[1], 'enforce') end
    """)

  /// Returns the lanes whose hash has another type, or has another id.
  static func tell(
    _ levels: [LanePressure], until: UInt64, in catalog: LaneCatalog, on connection: RedisConnection
  ) async throws -> [String: SourceError] {
    let told = levels.compactMap { level in catalog.markPlace(of: level.lane).keys.map { (level, $0.marks) } }
    let calls = told.map { level, hash -> [RedisArgument] in
      let place: [RedisArgument] = ["1", .text(hash), .text(level.installation.text), .text(RedisPrefix.installationField)]
      let functions = level.functions
      let limits = [functions.hotMessages, functions.maxEntryBytes, functions.maxFields].map { RedisArgument.integer(Int64($0)) }
      return place + [.text(level.level.rawValue), .text("\(until)"), functions.isEnforced ? "1" : "0"] + limits
    }
    let replies = try await script.call(calls, on: connection)
    return try SourceError.refusals(of: zip(told, replies).map { ([$0.0.lane], $0.1, $1) })
  }
}
