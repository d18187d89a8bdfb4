internal import TidemarkCore
internal import TidemarkRedis

/// Checks for streams below the prefix that no lane reads.
extension RedisCheck {
  static func unread(_ names: [String], _ lanes: LaneCatalog) -> [Finding] {
    let unread = UnreadStreams.of(names, lanes)
    guard let first = unread.first else { return [] }
    let shown = unread.prefix(5).joined(separator: ", ") + (unread.count > 5 ? " and \(unread.count - 5) more" : "")
    return [
      Finding(
        .warning, "redis.lanes", "no lane reads the \(unread.count == 1 ? "stream" : "streams") \(shown)",
        hint: UnreadStreams.fix(first, lanes))
    ]
  }
}
