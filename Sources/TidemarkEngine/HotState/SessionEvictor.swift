internal import Logging
internal import TidemarkCore

/// Removes sessions from Redis that are durable and idle, as ``EvictionPlan`` decides, and records where their numbering stood.
struct SessionEvictor: Sendable {
  private static let page = 500

  let services: HotServices
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async {
    let failures = FailureLog<String>(
      failing: "evictions.waiting", recovered: "evictions.current", clock: coordinator.clock, logger: logger)
    var plan = EvictionPlan(now: coordinator.clock.now)
    while !Task.isCancelled {
      let seen = coordinator.signals[.retention].generation
      let idle = await coordinator.settings.evictIdleAfter
      let start = coordinator.clock.now
      switch plan.next(idle: idle, now: start) {
      case .wait(let moment):
        await coordinator.signals[.retention].wait(after: seen, until: moment, on: coordinator.clock)
      case .search(let place):
        do {
          let next = try await evict(after: place, idle)
          let now = coordinator.clock.now
          plan.searched(next: next, idle: idle, took: start.duration(to: now), now: now)
          failures.succeeded()
        } catch {
          plan.failed(idle: idle, now: coordinator.clock.now)
          if !Task.isCancelled { failures.failed(error) }
        }
      }
    }
  }

  private func evict(after place: HotPlace?, _ idle: Duration) async throws -> HotPlace? {
    let page = try await services.store.sessions(after: place, count: Self.page)
    let owned = await coordinator.partitionLanes
    let lanes = await coordinator.settings.lanes
    let groups = Dictionary(grouping: page.sessions) { lanes.hotKeys(of: $0).flatMap { owned[$0.partition.changes] } }
    for case (let installation?, let sessions) in groups {
      let evicted = try await services.store.evict(sessions, idleFor: idle, for: installation)
      // Where this fails, the numbering of these sessions begins anew when they return.
      try await services.ledger.recordEvicted(evicted.map(\.0))
      metrics.sessionsEvicted(evicted.count, bytes: evicted.reduce(0) { $0 + $1.bytes })
    }
    return page.next
  }
}
