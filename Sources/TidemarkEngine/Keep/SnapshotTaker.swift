internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Takes snapshots of sessions that changed, as ``SnapshotPlan`` decides, off the way of commits. Each worker does it for its own lanes.
struct SnapshotTaker: Sendable {
  let ledger: any SnapshotLedger
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async { await run(SnapshotPlan(policy: await coordinator.settings.snapshots, now: coordinator.clock.now)) }

  func run(_ plan: SnapshotPlan) async {
    let failures = FailureLog<String>(
      failing: .snapshotsWaiting, recovered: .snapshotsCurrent, clock: coordinator.clock, logger: logger)
    var plan = plan
    while !Task.isCancelled {
      let seen = coordinator.signals[.retention].generation
      let policy = await coordinator.settings.snapshots
      plan.apply(policy, await coordinator.committedLanes)
      let start = coordinator.clock.now
      do {
        switch plan.next(now: start) {
        case .wait(let moment):
          metrics.snapshotsPending(plan.pendingCount)
          await coordinator.signals[.retention].wait(after: seen, until: moment, on: coordinator.clock)
          continue
        case .begin(let lanes): plan.began(lanes, at: try await ledger.snapshotProgress(of: lanes))
        case .count(let lane, let entry, let rows):
          let sessions = try await ledger.changedSessions(of: lane, after: entry, types: policy.allTypes, rows: rows)
          let now = coordinator.clock.now
          plan.counted(sessions, of: lane, rows: rows, took: start.duration(to: now), now: now)
        case .take(let orders): try await take(orders, &plan)
        case .record(let progress):
          try await ledger.recordSnapshotProgress(progress)
          plan.recorded(progress)
        }
        failures.succeeded()
      } catch {
        plan.failed(now: coordinator.clock.now)
        if !Task.isCancelled { failures.failed(error) }
      }
    }
  }

  private func take(_ orders: [SnapshotOrder], _ plan: inout SnapshotPlan) async throws {
    let start = coordinator.clock.now
    do {
      metrics.snapshotsTaken(try await ledger.takeSnapshots(orders))
      let now = coordinator.clock.now
      plan.taken(orders, took: start.duration(to: now), now: now)
    } catch {
      if let session = plan.failedToTake(orders, now: coordinator.clock.now), !Task.isCancelled {
        logger.log(
          .snapshotFailed,
          [.session: "\(session)", .reason: "\(error)", .effect: "it is tried again after snapshot.every"])
      }
      throw error
    }
  }
}
