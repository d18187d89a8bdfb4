internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Checks the state, in Redis and in the tables, as ``StateCheckPlan`` decides, and records what it finds.
///
/// One worker at a time does it for the whole installation: the one that holds the shard of ``RetentionSweeper``.
struct StateChecker: Sendable {
  private static let page = 500
  /// The most changes of a lane of which the sessions are found. What more changed is compared by the daily walk.
  private static let changesOfLane = 5_000

  private static let hint: Logger.MetadataValue =
    "see `tidemark reconcile`, which lists them and, with --repair, writes again what PostgreSQL can tell"

  let services: StateCheckServices
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async { await run(StateCheckPlan(now: coordinator.clock.now)) }

  func run(_ plan: StateCheckPlan) async {
    let failures = FailureLog<String>(
      failing: .reconciliationWaiting, recovered: .reconciliationCurrent, clock: coordinator.clock, logger: logger)
    var plan = plan
    var burst = DivergenceBurst()
    // Through here the changes of each lane are followed.
    var followed: [Int32: EntryID] = [:]
    while !Task.isCancelled {
      let seen = coordinator.signals[.reconciliation].generation
      let facts = await coordinator.reconciliationFacts
      let isResponsible = await coordinator.grant.shards[RetentionSweeper.shard] != nil
      let now = coordinator.clock.now
      if let found = burst.take(now: now) { found.log(to: logger, hint: Self.hint) }
      let action = plan.next(facts.limits, isResponsible: isResponsible, isHeldUp: facts.isHeldUp, now: now)
      if case .wait(let moment) = action {
        await coordinator.signals[.reconciliation].wait(after: seen, until: min(moment, burst.due ?? moment), on: coordinator.clock)
        continue
      }
      do {
        let new = try await perform(action, of: &plan, &followed, repairs: facts.limits.repair == .all)
        metrics.diverged(new)
        burst.add(new, now: coordinator.clock.now)
        failures.succeeded()
      } catch {
        plan.failed(now: coordinator.clock.now)
        if !Task.isCancelled { failures.failed(error) }
      }
    }
  }

  /// Returns the differences that were not recorded before.
  private func perform(
    _ action: StateCheckPlan.Action, of plan: inout StateCheckPlan, _ followed: inout [Int32: EntryID], repairs: Bool
  ) async throws -> [Divergence] {
    let settings = await coordinator.settings
    let tables = TableCheck(ledger: services.ledger, lanes: settings.lanes, repairs: repairs)
    let start = coordinator.clock.now
    func end() -> (took: Duration, now: ContinuousClock.Instant) {
      let now = coordinator.clock.now
      return (start.duration(to: now), now)
    }
    switch action {
    case .wait: return []
    case .begin:
      let walks = try await services.ledger.walks()
      plan.began(walks, now: coordinator.clock.now)
      return []
    case .find(let place):
      let page = try await services.store.sessions(after: place, count: Self.page)
      let (took, now) = end()
      if plan.found(page.sessions.map(\.id), next: page.next, took: took, now: now) {
        try await services.ledger.recordWalk(.hot, place: nil)
      }
      return []
    case .findChanged:
      let changed = try await findChanged(settings.lanes, &followed)
      let (took, now) = end()
      plan.found(changed: changed, took: took, now: now)
      return []
    case .compare(let ids):
      let check = HotStateCheck(
        store: services.store, ledger: services.ledger, lanes: settings.lanes, messages: settings.functions.hotMessages)
      let result = try await check.check(ids, repairs: repairs)
      let (took, now) = end()
      plan.compared(ids.count, bytes: result.bytes, took: took, now: now)
      report(repaired: result.repaired)
      return result.new
    case .checkSessions(let last, let limit):
      let ids = try await services.ledger.sessions(SessionFilter(), after: last, limit: limit).map(\.id)
      let result = try await tables.check(ids)
      try await services.ledger.recordWalk(.sessions, place: ids.last)
      let (took, now) = end()
      plan.checkedSessions(ids.count, through: ids.last, took: took, now: now)
      report(repaired: result.repaired)
      return result.new
    case .checkChanges(let place, let limit):
      let (result, next) = try await checkChanges(after: place, limit, tables)
      let (took, now) = end()
      plan.checkedChanges(limit, next: next, took: took, now: now)
      report(repaired: result.repaired)
      return result.new
    }
  }

  /// Also returns where the walk goes on; nil at its end.
  private func checkChanges(
    after place: TrailPlace?, _ limit: Int, _ tables: TableCheck
  ) async throws -> (result: TableCheck.Result, next: TrailPlace?) {
    var result = TableCheck.Result()
    var next = place
    if next == nil, let first = try await services.ledger.lane(after: .min) { next = TrailPlace(lane: first.id, entry: .zero) }
    if let place = next {
      let checked = try await tables.checkChanges(of: place.lane, after: place.entry, limit: limit)
      result = checked.result
      if let through = checked.through {
        next = TrailPlace(lane: place.lane, entry: through)
      } else {
        next = try await services.ledger.lane(after: place.lane).map { TrailPlace(lane: $0.id, entry: .zero) }
      }
    }
    try await services.ledger.recordWalk(.changes, place: next?.description)
    return (result, next)
  }

  /// Returns the sessions in Redis that changed since the lanes were followed before. At first they are followed from where they are.
  private func findChanged(_ lanes: LaneCatalog, _ followed: inout [Int32: EntryID]) async throws -> [String] {
    let records = try await services.ledger.lanes(named: lanes.partitionLanes)
    var changed: [String] = []
    for record in records.sorted(by: { $0.laneID < $1.laneID }) {
      let position = record.cursor.position
      if let last = followed[record.laneID], last < position {
        changed += try await services.ledger.changedSessions(of: record.laneID, after: last, limit: Self.changesOfLane)
      }
      followed[record.laneID] = position
    }
    return changed
  }

  private func report(repaired: Int) {
    if repaired > 0 { logger.log(.divergencesRepaired, [.count: .number(repaired)]) }
  }
}
