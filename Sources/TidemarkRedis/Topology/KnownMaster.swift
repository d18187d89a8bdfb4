internal import Synchronization

/// The server that Sentinels named last.
final class KnownMaster: Sendable {
  private let state = Mutex<RedisNode?>(nil)

  /// Nil before they were asked.
  var node: RedisNode? { state.withLock { $0 } }

  func set(_ node: RedisNode) { state.withLock { $0 = node } }
}
