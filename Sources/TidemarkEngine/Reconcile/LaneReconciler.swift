internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Compares the logs of the worker's lanes with Postgres, as ``ReconciliationPlan`` decides, and repairs what the settings tell it to.
struct LaneReconciler: Sendable {
  private static let hint: Logger.MetadataValue =
    "see `tidemark reconcile`, which lists them and, with --repair, applies again what PostgreSQL lacks"

  let services: ReconciliationServices
  let routes: RouteTable
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async {
    let failures = FailureLog<String>(
      failing: .reconciliationWaiting, recovered: .reconciliationCurrent, clock: coordinator.clock, logger: logger)
    var plan = ReconciliationPlan(now: coordinator.clock.now)
    var burst = DivergenceBurst()
    while !Task.isCancelled {
      let seen = coordinator.signals[.reconciliation].generation
      let facts = await coordinator.reconciliationFacts
      let now = coordinator.clock.now
      if let found = burst.take(now: now) { found.log(to: logger, hint: Self.hint) }
      let action = plan.next(facts, now: now)
      if case .wait(let moment) = action {
        await coordinator.signals[.reconciliation].wait(
          after: seen, until: min(moment, burst.due ?? moment), on: coordinator.clock)
        continue
      }
      do {
        try await perform(action, &plan, &burst)
        failures.succeeded()
      } catch {
        if case .repair(let lane) = action {
          plan.repairFailed(lane, now: coordinator.clock.now)
        } else {
          plan.failed(action.lane, now: coordinator.clock.now)
        }
        // A lane that is another worker's by now is none of ours.
        if case .fenced? = (error as? SinkError)?.kind { continue }
        if !Task.isCancelled { failures.failed(error) }
      }
    }
  }

  private func perform(
    _ action: ReconciliationPlan.Action, _ plan: inout ReconciliationPlan, _ burst: inout DivergenceBurst
  ) async throws {
    let start = coordinator.clock.now
    switch action {
    case .wait: return
    case .begin(let lanes):
      let verified = try await services.ledger.verifiedLanes(lanes)
      plan.began(verified, now: coordinator.clock.now)
      await coordinator.perform { state, _ in
        for lane in verified { state.verified(lane.laneID, through: lane.through, incarnation: lane.incarnation) }
      }
    case .compare(let order):
      guard let lane = await lane(order.lane), lane.record.incarnation == order.incarnation else {
        return plan.failed(order.lane, now: coordinator.clock.now)
      }
      switch try await reconciler.compare(lane, order.range, entries: order.entries) {
      case .overBudget: plan.overran(order, now: coordinator.clock.now)
      case .discarded: plan.failed(order.lane, now: coordinator.clock.now)
      case .compared(let piece):
        let found = try await record(piece, of: lane)
        let now = coordinator.clock.now
        burst.add(found, now: now)
        let hasMissing = piece.findings.contains { if case .missing = $0 { true } else { false } }
        plan.compared(
          order, ReconciliationPlan.Piece(through: piece.range.through, size: piece.size, hasMissing: hasMissing),
          took: start.duration(to: now), now: now)
      }
    case .repair(let id):
      guard let lane = await lane(id) else { return plan.failed(id, now: coordinator.clock.now) }
      var repaired = 0
      try await reconciler.repair(lane) { if $0.outcome == .applied { repaired += 1 } }
      let now = coordinator.clock.now
      plan.repaired(id, took: start.duration(to: now), now: now)
      if repaired > 0 {
        logger.log(.divergencesRepaired, [.lane: "\(lane.record.name)", .count: .number(repaired)])
      }
    }
  }

  private var reconciler: LogReconciler {
    get async {
      LogReconciler(services: services, routes: routes, limits: await coordinator.settings.decode)
    }
  }

  private func lane(_ id: Int32) async -> LogReconciler.Lane? {
    await coordinator.perform { state, _ in state.ownedLane(id) }.map { LogReconciler.Lane($0.record, partition: $0.partition) }
  }

  private func record(_ piece: LogReconciler.Piece, of lane: LogReconciler.Lane) async throws -> [Divergence] {
    let record = lane.record
    let found = try await services.ledger.record(
      ReconciledRange(
        lane: record.laneID, incarnation: record.incarnation, fence: record.fence, range: piece.range,
        divergences: piece.findings.map { $0.divergence(in: record.name) }, numbers: piece.numbers))
    metrics.diverged(found)
    await coordinator.perform { state, _ in
      state.verified(record.laneID, through: piece.range.through, incarnation: record.incarnation)
    }
    return found
  }
}

extension DivergenceBurst.Found {
  /// Logs differences that were found shortly after one another.
  func log(to logger: Logger, hint: Logger.MetadataValue) {
    logger.log(
      .divergencesFound,
      [
        .count: .number(counts.values.reduce(0, +)), .lanes: "\(lanes.sorted().joined(separator: ","))",
        .kinds: "\(counts.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", "))", .hint: hint,
      ])
  }
}

extension ReconciliationPlan.Action {
  fileprivate var lane: Int32? {
    switch self {
    case .wait, .begin: nil
    case .compare(let order): order.lane
    case .repair(let lane): lane
    }
  }
}
