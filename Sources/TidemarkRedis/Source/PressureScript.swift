internal import TidemarkCore

/// The script that tells a built-in lane's agents how hard to hold back, unless the prefix bears another installation's id.
///
/// It is told a server that is full, too, which is when agents must know: the two fields are there already or are a few bytes, and what makes
/// room again is that agents stop and the worker trims.
enum PressureScript {
  /// KEYS: the hash of the lane. ARGV: the installation's id and its field, the level, until when it counts.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = foreign(KEYS[1], ARGV[2], ARGV[1])
    if refusal then return refusal end
    redis.call('HSET', KEYS[1], 'pressure', ARGV[3], 'pressure_until', ARGV[4])
    """)

  /// Answers the lanes whose hash is something else, or bears another id.
  static func tell(
    _ levels: [LanePressure], until: UInt64, prefix: String, on connection: RedisConnection
  ) async throws -> [String: SourceError] {
    let told = levels.compactMap { level in DurableScript.builtInBase(of: level.lane, prefix: prefix).map { (level, "\($0):lane") } }
    let calls = told.map { level, hash -> [RedisArgument] in
      let place: [RedisArgument] = ["1", .text(hash), .text(level.installation.text), .text(RedisPrefix.installationField)]
      return place + [.text(level.level.rawValue), .text("\(until)")]
    }
    let replies = try await script.call(calls, on: connection)
    return try SourceError.refusals(of: zip(told, replies).map { ([$0.0.lane], $0.1, $1) })
  }
}
