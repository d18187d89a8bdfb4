internal import TidemarkCore

/// The script that tells a built-in lane's agents how hard to hold back.
///
/// It is told a server that is full, too, which is when agents must know: the two fields are there already or are a few bytes, and what makes
/// room again is that agents stop and the worker trims.
enum PressureScript {
  /// KEYS: the hash of the lane. ARGV: the level, until when it counts.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    redis.call('HSET', KEYS[1], 'pressure', ARGV[1], 'pressure_until', ARGV[2])
    """)

  /// Answers the lanes whose hash is something else.
  static func tell(
    _ levels: [String: PressureLevel], until: UInt64, prefix: String, on connection: RedisConnection
  ) async throws -> [String: SourceError] {
    let lanes = levels.compactMap { lane, level in DurableScript.builtInBase(of: lane, prefix: prefix).map { (lane, "\($0):lane", level) } }
    let replies = try await script.call(lanes.map { ["1", .text($0.1), .text($0.2.rawValue), .text("\(until)")] }, on: connection)
    return try SourceError.refusals(of: zip(lanes, replies).map { ([$0.0.0], $0.0.1, $0.1) })
  }
}
