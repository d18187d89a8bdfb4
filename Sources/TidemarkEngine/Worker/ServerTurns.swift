internal import Synchronization
internal import TidemarkCore

/// Whose turn is not over yet: a server that does not answer has no other until then, and keeps none of the others waiting.
final class ServerTurns: Sendable {
  private let underWay = Mutex<Set<LaneServer>>([])

  /// The first of these whose last turn is over.
  func firstIdle(of servers: some Sequence<LaneServer>) -> LaneServer? {
    let busy = underWay.withLock { $0 }
    return servers.first { !busy.contains($0) }
  }

  /// Begins a turn in the group, unless the server's last one is not over. Answers whether it did. `ended` is called once it may have another.
  func begin(
    _ server: LaneServer, in group: inout DiscardingTaskGroup, _ body: @escaping @Sendable () async -> Void,
    ended: @escaping @Sendable () -> Void = {}
  ) -> Bool {
    guard underWay.withLock({ $0.insert(server).inserted }) else { return false }
    group.addTask { [self] in
      await body()
      underWay.withLock { _ = $0.remove(server) }
      ended()
    }
    return true
  }
}
