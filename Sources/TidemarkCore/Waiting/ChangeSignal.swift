internal import Synchronization

/// Wakes the tasks that wait for a change. Raising the signal is cheap when no task waits, and a change that comes between a task's look at
/// the state and its wait is never missed.
package final class ChangeSignal: Sendable {
  private struct State {
    var generation: UInt64 = 0
    var nextWaiter: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    /// The ids of waiters that were cancelled before they began to wait.
    var cancelled: Set<UInt64> = []
  }

  private let state = Mutex(State())

  /// The number of changes so far. Read it before the state that may change, then call ``wait(after:)``.
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

  /// Raises the signal for a change that one waiter can handle alone: wakes the waiter that began last, whose thread and connection are
  /// still warm. A task that read ``generation`` and has not begun to wait returns at once, too.
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

  /// Returns once something changed after `generation`, when the task is cancelled, or at `deadline`.
  package func wait(after generation: UInt64, until deadline: ContinuousClock.Instant, on clock: any WorkerClock) async {
    await withTaskGroup { group in
      group.addTask { await self.wait(after: generation) }
      group.addTask { try? await clock.sleep(until: deadline) }
      await group.next()
      group.cancelAll()
    }
  }
}
