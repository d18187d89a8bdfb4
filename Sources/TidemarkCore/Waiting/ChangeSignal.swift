internal import Synchronization

/// Wakes whoever waits for something to change. Cheap when nobody waits; never misses a change that comes between look and wait.
package final class ChangeSignal: Sendable {
  private struct State {
    var generation: UInt64 = 0
    var nextWaiter: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    /// Waiters that were cancelled before they began to wait.
    var cancelled: Set<UInt64> = []
  }

  private let state = Mutex(State())

  /// Look at this before looking at what may change, then ``wait(after:)``.
  package var generation: UInt64 { state.withLock { $0.generation } }

  package init() {}

  package func raise() {
    let woken = state.withLock { state in
      state.generation &+= 1
      defer { state.waiters.removeAll() }
      return Array(state.waiters.values)
    }
    for waiter in woken { waiter.resume() }
  }

  /// For what one waiter can deal with alone: wakes the one that began to wait last, whose thread and connection are still warm. Whoever is
  /// on the way to waiting returns at once, too.
  package func raiseForOne() {
    let woken = state.withLock { state in
      state.generation &+= 1
      return state.waiters.keys.max().flatMap { state.waiters.removeValue(forKey: $0) }
    }
    woken?.resume()
  }

  /// Returns once something changed after `generation`, or when the task is cancelled.
  package func wait(after generation: UInt64) async {
    let id = state.withLock { state in
      state.nextWaiter &+= 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.generation != generation || state.cancelled.remove(id) != nil { return true }
          state.waiters[id] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        let waiter = state.waiters.removeValue(forKey: id)
        if waiter == nil { state.cancelled.insert(id) }
        return waiter
      }
      waiter?.resume()
    }
    state.withLock { _ = $0.cancelled.remove(id) }
  }

  /// The same, until `deadline` at the latest.
  package func wait(after generation: UInt64, until deadline: ContinuousClock.Instant) async {
    await withTaskGroup { group in
      group.addTask { await self.wait(after: generation) }
      group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
      await group.next()
      group.cancelAll()
    }
  }
}
