internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Removes durable sessions from Redis, as ``EvictionPlan`` decides, and records where their numbering stood.
struct SessionEvictor: Sendable {
  private static let page = 500

  let services: HotServices
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async {
    let failures = FailureLog<String>(
      failing: .evictionsWaiting, recovered: .evictionsCurrent, clock: coordinator.clock, logger: logger)
    var plan = EvictionPlan(now: coordinator.clock.now)
    while !Task.isCancelled {
      let seen = coordinator.signals[.eviction].generation
      let facts = await coordinator.evictionFacts
      let action = plan.next(facts, now: coordinator.clock.now)
      if case .wait(let moment) = action {
        await coordinator.signals[.eviction].wait(after: seen, until: moment, on: coordinator.clock)
        continue
      }
      do {
        try await perform(action, of: &plan, facts)
        failures.succeeded()
      } catch {
        plan.failed(now: coordinator.clock.now)
        if !Task.isCancelled { failures.failed(error) }
      }
    }
  }

  private func perform(_ action: EvictionPlan.Action, of plan: inout EvictionPlan, _ facts: EvictionFacts) async throws {
    let start = coordinator.clock.now
    func end() -> (took: Duration, now: ContinuousClock.Instant) {
      let now = coordinator.clock.now
      return (start.duration(to: now), now)
    }
    switch action {
    case .wait: return
    case .search(let place):
      let page = try await services.store.sessions(after: place, count: Self.page)
      let (took, now) = end()
      plan.found(page, facts, took: took, now: now)
    case .measure(let session):
      let memory = try await services.store.memoryShare(beside: session)
      let (took, now) = end()
      plan.measured(memory, facts, took: took, now: now)
    case .evict(let eviction):
      let count = try await evict(eviction)
      let (took, now) = end()
      plan.evicted(count, eviction, took: took, now: now)
    }
  }

  private func evict(_ eviction: Eviction) async throws -> Int {
    let (store, ledger) = (services.store, services.ledger)
    let leaving = try await store.evictable(eviction.sessions, idleFor: eviction.idle, for: eviction.installation)
    // From here on the event ids outlive this worker, and so do the numbers once the sessions are gone.
    try await ledger.recordEvicted(leaving.map(\.unnumbered))
    let evicted = try await store.evict(leaving, idleFor: eviction.idle, for: eviction.installation)
    try await ledger.recordEvicted(try await ledger.recordNumbers(of: evicted.map(\.0)))
    let gone = Set(evicted.map { SessionKey($0.0.id) })
    try await ledger.forgetEvicted(leaving.map(\.id).filter { !gone.contains(SessionKey($0)) })
    metrics.sessionsEvicted(evicted.count, eviction.reason, bytes: evicted.reduce(0) { $0 + $1.bytes })
    return evicted.count
  }
}
