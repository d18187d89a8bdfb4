internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Work that comes again and again, in turns, until its task is cancelled. A turn that fails is followed by the next one as any other, and is said
/// as ``FailureReport`` decides.
struct SteadyTurns: Sendable {
  /// Between the end of a turn and the beginning of the next.
  let interval: Duration
  /// What is said of a failure.
  let event: LoggedEvent
  /// What is said of the first turn that succeeds again.
  let recovered: LoggedEvent
  let clock: any WorkerClock
  let logger: Logger

  func run(_ turn: () async throws -> Void) async {
    let failures = FailureLog<String>(failing: event, recovered: recovered, clock: clock, logger: logger)
    while !Task.isCancelled {
      do {
        try await turn()
        failures.succeeded()
      } catch {
        if !Task.isCancelled { failures.failed(error) }
      }
      try? await clock.sleep(for: interval)
    }
  }
}
