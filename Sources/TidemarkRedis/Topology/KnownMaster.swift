internal import Synchronization
internal import TidemarkCore

/// The master that Sentinels named last.
final class KnownMaster: Sendable {
  private let state = Mutex<RedisNode?>(nil)

  /// The master's address; nil before Sentinels were asked.
  var node: RedisNode? { state.withLock { $0 } }

  func set(_ node: RedisNode) { state.withLock { $0 = node } }
}
