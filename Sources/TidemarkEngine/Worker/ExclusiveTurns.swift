internal import Synchronization

/// The turns of servers or lanes, one at a time for each. A server that does not answer gets no other turn before it does, and it delays none
/// of the others.
final class ExclusiveTurns<Key: Hashable & Sendable>: Sendable {
  private let underWay = Mutex<Set<Key>>([])

  /// Returns those of these keys whose last turn is over, in their order.
  func idle(of keys: some Sequence<Key>) -> [Key] {
    let busy = underWay.withLock { $0 }
    return keys.filter { !busy.contains($0) }
  }

  /// Begins a turn in the group, unless the key's last one is not over. Returns whether it did. `ended` is called once the key may have
  /// another turn.
  func begin(
    _ key: Key, in group: inout DiscardingTaskGroup, _ body: @escaping @Sendable () async -> Void,
    ended: @escaping @Sendable () -> Void = {}
  ) -> Bool {
    guard underWay.withLock({ $0.insert(key).inserted }) else { return false }
    group.addTask { [self] in
      await body()
      underWay.withLock { _ = $0.remove(key) }
      ended()
    }
    return true
  }
}
