internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Follows what operators want: pauses, retries and resolved dead letters of lanes, and tuned settings. Reads the ledger at once when it
/// notifies a change, and every second where no notification arrives, such as behind a pooler.
struct LaneControlWatch: Sendable {
  static let interval = Duration.seconds(1)

  let sink: any StatusLedger
  let tuning: TuningWatch?
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    let failures = FailureLog<String>(failing: .controlsWaiting, recovered: .controlsCurrent, clock: coordinator.clock, logger: logger)
    while !Task.isCancelled {
      let seen = coordinator.signals[.controls].generation
      do {
        let controls = try await sink.laneControls()
        await coordinator.perform { $0.controlled(controls, now: $1.now) }
        try await tuning?.follow()
        failures.succeeded()
      } catch {
        if !Task.isCancelled { failures.failed(error) }
      }
      let next = coordinator.clock.now.advanced(by: Self.interval)
      await coordinator.signals[.controls].wait(after: seen, until: next, on: coordinator.clock)
    }
  }
}
