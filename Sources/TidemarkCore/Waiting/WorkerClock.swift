/// The time and the random numbers that a worker acts by.
///
/// The engine asks the system for neither: a simulation hands in its own, and then the same seed makes the same run.
package protocol WorkerClock: Sendable {
  var now: ContinuousClock.Instant { get }

  /// Unix milliseconds of this machine. For metrics and displays only: no decision depends on it.
  var milliseconds: Int64 { get }

  /// Returns at `deadline`, or throws `CancellationError` as soon as the task is cancelled.
  func sleep(until deadline: ContinuousClock.Instant) async throws

  /// A number from 0 up to, and without, 1.
  func random() -> Double
}

extension WorkerClock {
  package func sleep(for duration: Duration) async throws { try await sleep(until: now.advanced(by: duration)) }
}
