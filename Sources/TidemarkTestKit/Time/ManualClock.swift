import Synchronization

/// A clock that moves only when told to, for tests of what waits.
///
/// `sleep` returns when `advance(by:)` has reached its deadline, or throws on cancellation. `waitForSleepers` lets a test
/// know that the code under test has gone to sleep before it moves the time.
package final class ManualClock: Clock, Sendable {
  /// A moment of this clock: the time since it was made.
  package struct Instant: InstantProtocol, Sendable {
    package let offset: Duration

    package init(offset: Duration) {
      self.offset = offset
    }

    package func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    package func duration(to other: Instant) -> Duration { other.offset - offset }
    package static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
  }

  private struct Sleeper {
    let deadline: Instant
    let wake: CheckedContinuation<Void, any Error>
  }

  private struct Watcher {
    let count: Int
    let wake: CheckedContinuation<Void, Never>
  }

  private struct State {
    var now = Instant(offset: .zero)
    var nextID = 0
    var sleepers: [Int: Sleeper] = [:]
    var watchers: [Watcher] = []
    var cancelledEarly: Set<Int> = []
  }

  private let state = Mutex(State())

  package init() {}

  package var now: Instant { state.withLock { $0.now } }
  package var minimumResolution: Duration { .nanoseconds(1) }

  /// How many tasks sleep on this clock now.
  package var sleepers: Int { state.withLock { $0.sleepers.count } }

  package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        fallAsleep(id, until: deadline, wake: continuation)
      }
    } onCancel: {
      cancel(id)
    }
  }

  /// Moves the time and wakes, in order of their deadlines, those whose deadline is reached.
  package func advance(by duration: Duration) {
    let due = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
      state.now = state.now.advanced(by: duration)
      let now = state.now
      let due = state.sleepers.filter { $0.value.deadline <= now }
        .sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }
      for (id, _) in due { state.sleepers[id] = nil }
      return due.map(\.value.wake)
    }
    for wake in due { wake.resume() }
  }

  /// Waits until at least `count` tasks sleep on this clock.
  package func waitForSleepers(_ count: Int = 1) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let isThere = state.withLock { state in
        if state.sleepers.count >= count { return true }
        state.watchers.append(Watcher(count: count, wake: continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  private func fallAsleep(_ id: Int, until deadline: Instant, wake: CheckedContinuation<Void, any Error>) {
    enum Outcome {
      case due, cancelled, asleep([Watcher])
    }
    let outcome = state.withLock { state -> Outcome in
      if state.cancelledEarly.remove(id) != nil { return .cancelled }
      if deadline <= state.now { return .due }
      state.sleepers[id] = Sleeper(deadline: deadline, wake: wake)
      let count = state.sleepers.count
      let satisfied = state.watchers.filter { $0.count <= count }
      state.watchers.removeAll { $0.count <= count }
      return .asleep(satisfied)
    }
    switch outcome {
    case .due: wake.resume()
    case .cancelled: wake.resume(throwing: CancellationError())
    case .asleep(let watchers): for watcher in watchers { watcher.wake.resume() }
    }
  }

  /// Cancellation can come before the sleeper is entered, then it is remembered, or after it was woken: a late mark is
  /// an integer that nobody asks for again.
  private func cancel(_ id: Int) {
    let sleeper = state.withLock { state -> Sleeper? in
      if let sleeper = state.sleepers.removeValue(forKey: id) { return sleeper }
      state.cancelledEarly.insert(id)
      return nil
    }
    sleeper?.wake.resume(throwing: CancellationError())
  }
}
