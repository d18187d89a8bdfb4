internal import Logging
internal import TidemarkCore

/// Wakes ``LeaseKeeper`` when another worker tells of a change. Where nothing can be heard, leases move at the pace of their renewals.
struct LeaseListener: Sendable {
  let news: any LeaseNews
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    var lastWait: Duration?
    while !Task.isCancelled {
      do {
        try await news.next()
        coordinator.leasesStirred.raise()
        if lastWait != nil { logger.info("leases.heard") }
        lastWait = nil
      } catch is CancellationError {
        break
      } catch {
        if lastWait == nil {
          logger.warning("leases.unheard", metadata: ["reason": "\(error)", "effect": "shards change hands within a third of lease.ttl"])
        }
        let wait = await coordinator.settings.retry.wait(after: lastWait, random: .random(in: 0..<1))
        lastWait = wait
        await coordinator.pause(for: wait)
      }
    }
    await news.close()
  }
}
