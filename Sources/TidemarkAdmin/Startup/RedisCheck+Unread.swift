internal import TidemarkCore
internal import TidemarkRedis

/// Checks for streams below the prefix that no lane reads.
extension RedisCheck {
  /// - Parameter covers: whether a lane that is not built in reads a stream.
  static func unread(_ names: [String], _ builtIn: BuiltInLanes, covers: (String) -> Bool) -> [Finding] {
    let unread = UnreadStreams.of(names, builtIn, covers: covers)
    guard let first = unread.first else { return [] }
    let shown = unread.prefix(5).joined(separator: ", ") + (unread.count > 5 ? " and \(unread.count - 5) more" : "")
    return [
      Finding(
        .warning, "redis.lanes", "no lane reads the \(unread.count == 1 ? "stream" : "streams") \(shown)",
        hint: UnreadStreams.fix(first, builtIn))
    ]
  }
}
