internal import TidemarkCore

/// The script that removes a lane's entries, unless the prefix has another installation's id.
enum TrimScript {
  /// KEYS: the stream, the hash of its marks. ARGV: the installation's id and its field, the strategy, the id below which entries are
  /// removed, and the largest number of entries to remove, because the server is blocked meanwhile.
  ///
  /// Whole nodes of the stream are removed first, which is cheap; the rest of a node is removed when there are no more whole ones.
  private static let script = RedisScript(
    """
    #!lua flags=allow-oom
    \(InstallationGuard.lua)
    local refusal = foreign(KEYS[2], ARGV[2], ARGV[1])
    if refusal then return refusal end
    local most = tonumber(ARGV[5])
    local count = redis.call('XTRIM', KEYS[1], ARGV[3], '~', ARGV[4], 'LIMIT', most)
    if count < most - 1000 then count = count + redis.call('XTRIM', KEYS[1], ARGV[3], ARGV[4]) end
    return count
    """)

  /// Returns the number of removed entries. Throws ``RedisError``.
  static func trim(_ cut: TrimCut, most: Int, in catalog: LaneCatalog, on connection: RedisConnection) async throws -> Int {
    let (hash, field) = InstallationGuard.place(of: cut.lane, in: catalog)
    let call: [RedisArgument] = [
      "2", .text(cut.lane), hash, .text(cut.installation.text), field, "MINID", .text(cut.below.description), .integer(Int64(most)),
    ]
    return Int(try await script.call([call], on: connection)[0].orThrow().number ?? 0)
  }
}
