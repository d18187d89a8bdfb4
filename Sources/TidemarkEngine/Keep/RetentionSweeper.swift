internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Removes from the ledger what is kept only for a time or only in part, as ``RetentionPlan`` decides.
///
/// One worker at a time does it for the whole installation: the one that holds the first shard. Two at once would do no harm.
struct RetentionSweeper: Sendable {
  /// The shard whose owner sweeps.
  static let shard = 0

  let source: any LanePlacement & StreamInspector
  let sink: any RetentionLedger
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async { await run(RetentionPlan(limits: await coordinator.settings.retention, now: coordinator.clock.now)) }

  func run(_ plan: RetentionPlan) async {
    let failures = FailureLog<RetentionTable>(
      failing: .retentionWaiting, recovered: .retentionCurrent, clock: coordinator.clock, logger: logger)
    var plan = plan
    while !Task.isCancelled {
      let seen = coordinator.signals[.retention].generation
      plan.apply(await coordinator.settings.retention, now: coordinator.clock.now)
      let isResponsible = await coordinator.grant.shards[Self.shard] != nil
      switch plan.next(now: coordinator.clock.now, isResponsible: isResponsible) {
      case .wait(let moment): await coordinator.signals[.retention].wait(after: seen, until: moment, on: coordinator.clock)
      case .find(let table):
        await attempt(table, &plan, failures) { plan in
          if !plan.found(try await rule(for: table), now: coordinator.clock.now) {
            failures.succeeded(table, [.table: "\(table.rawValue)"])
          }
        }
      case .remove(let rule, let place, let rows):
        await attempt(rule.table, &plan, failures) { plan in
          let began = coordinator.clock.now
          let piece = try await sink.remove(rule, from: place, rows: rows)
          metrics.retentionDeleted(rule.table, piece.removed)
          let now = coordinator.clock.now
          guard let sweep = plan.removed(piece, took: began.duration(to: now), now: now) else { return }
          failures.succeeded(rule.table, [.table: "\(rule.table.rawValue)"])
          report(sweep, now)
        }
      }
    }
  }

  private func attempt(
    _ table: RetentionTable, _ plan: inout RetentionPlan, _ failures: FailureLog<RetentionTable>,
    _ step: (inout RetentionPlan) async throws -> Void
  ) async {
    do {
      try await step(&plan)
    } catch {
      plan.failed(table, now: coordinator.clock.now)
      if !Task.isCancelled { failures.failed(table, error, [.table: "\(table.rawValue)"]) }
    }
  }

  private func report(_ sweep: RetentionPlan.Sweep, _ now: ContinuousClock.Instant) {
    guard sweep.removed > 0 else { return }
    logger.log(
      .retentionRemoved,
      [
        .table: "\(sweep.rule.table.rawValue)", .rows: .number(sweep.removed),
        .seconds: .number(sweep.began.duration(to: now).seconds),
      ])
  }

  /// What may go of a table by now. Of dead letters and producers' ids Redis has a say.
  func rule(for table: RetentionTable) async throws -> RetentionRule {
    let limits = await coordinator.settings.retention
    switch table {
    case .checkpoints: return .checkpoints(kept: limits.checkpoints)
    case .snapshots: return .snapshots(kept: limits.snapshotsPerSession)
    case .deadLetters:
      let lanes = try await sink.lanesOfLetters(resolvedBefore: limits.resolvedDeadLetters)
      let seen = try await inspect(lanes)
      return .deadLetters(
        kept: limits.resolvedDeadLetters,
        lanes: seen.streams.sorted { $0.key < $1.key }.compactMap { LetterLane($0.key, $0.value) })
    case .eventIDs:
      let (now, lanes) = try await sink.eventIDLanes()
      let seen = try await inspect(lanes.map(\.name))
      var retention = EventIDRetention(now: seen.now.map { min(now, $0) } ?? now, window: limits.dedupeWindow)
      for lane in lanes { retention.consider(lane, seen.streams[lane.name, default: .unknown]) }
      return .eventIDs(retention.forgettable)
    }
  }

  private struct Seen: Sendable {
    /// The lowest of the servers' clocks; nil where none answers.
    var now: Int64?
    var streams: [String: StreamExtent] = [:]
  }

  /// Inspects the streams of lanes, on all servers at once. A server that does not answer says nothing of its lanes.
  private func inspect(_ lanes: [String]) async throws -> Seen {
    let servers = try await source.byServer(lanes) { $0 }
    return await withTaskGroup(of: Seen.self) { group in
      for (_, lanes) in servers { group.addTask { await inspect(ofOneServer: lanes) } }
      return await group.reduce(into: Seen()) { all, one in
        all.now = [all.now, one.now].compactMap(\.self).min()
        all.streams.merge(one.streams) { $1 }
      }
    }
  }

  private func inspect(ofOneServer lanes: [String]) async -> Seen {
    do {
      // The clock first: what is written after the streams were inspected is no older.
      let now = try await source.currentMilliseconds(beside: lanes[0])
      let extents = try await source.inspect(lanes.map { ExpectedStream(asking: $0) }).map(Self.extent)
      return Seen(now: Int64(clamping: now), streams: Dictionary(zip(lanes, extents)) { $1 })
    } catch {
      return Seen()
    }
  }

  private static func extent(_ observation: StreamObservation) -> StreamExtent {
    switch observation {
    case .seen(let observed): observed.stream.map { .present(first: $0.firstID, last: $0.lastGeneratedID) } ?? .absent
    case .refused, .deferred: .unknown
    }
  }
}
