internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Wakes ``LeaseKeeper`` when another worker tells of a change. Where nothing can be heard, leases move at the pace of their renewals.
struct LeaseListener: Sendable {
  let news: any LeaseNews
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    var backoff = Backoff()
    let failures = FailureLog<String>(failing: .leasesUnheard, recovered: .leasesHeard, clock: coordinator.clock, logger: logger)
    while !Task.isCancelled {
      do {
        try await news.next()
        await coordinator.perform { state, _ in state.notified() }
        failures.succeeded()
        backoff.succeeded()
      } catch is CancellationError {
        break
      } catch {
        failures.failed("", error, [.effect: "shards change hands within a third of lease.ttl"])
        await coordinator.postgresFailed(error)
        let wait = await backoff.next(coordinator.settings.retry, random: coordinator.clock.random())
        await coordinator.pauseForPostgres(for: wait)
      }
    }
    await news.close()
  }
}
