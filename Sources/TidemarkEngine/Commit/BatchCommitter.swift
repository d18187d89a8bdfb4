internal import DequeModule
internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Commits one transaction after another over one writer: executes what ``CommitMachine`` decides.
struct BatchCommitter: Sendable {
  private typealias Part = LaneScheduler.Work.Part

  let writer: any ChangeWriter
  let routes: RouteTable
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let metrics: EngineMetrics
  let reports: CommitReports
  let logger: Logger

  func run() async {
    var expectsBadRecords = false
    while let work = await coordinator.nextWork() {
      await commit(work.parts, &expectsBadRecords)
    }
    await writer.close()
  }

  /// Brings every part to its end, in as many transactions as that takes.
  private func commit(_ parts: [Part], _ expectsBadRecords: inout Bool) async {
    var plan = CommitPlan(parts)
    while let step = plan.current {
      switch await attempt(step, following: plan.following, &expectsBadRecords) {
      case .committed(let records): plan.committed(records)
      case .without(let lanes):
        // A fence that names none of ours would never let us through.
        let ours = step.lanes.intersection(lanes)
        for part in plan.leaveOut(ours.isEmpty ? step.lanes : ours) { await lose(part) }
      case .renumbered(let records): plan.renumber(records)
      case .separate: plan.split()
      case .apart: plan.bisect()
      case .deadLettered(let entry, let rejection): plan.deadLetter(entry, rejection)
      case .unproven:
        for part in plan.leaveOut(step.lanes) { await finish(part, .unproven) }
      case .halted(let reason, let hint):
        for part in plan.leaveOut(step.lanes) { await finish(part, .halted(reason: reason, hint: hint)) }
      case .cancelled:
        for part in plan.leaveOut(plan.lanes) { await finish(part, .lost) }
      }
    }
  }

  private enum Attempt {
    case committed([LaneRecord])
    case without(Set<Int32>)
    /// Dead letters of these lanes were replayed meanwhile.
    case renumbered([LaneRecord])
    case separate
    case apart
    case deadLettered(EntryID, Rejection)
    /// One entry fails alone, and there is nothing to tell whether others would pass.
    case unproven
    case halted(reason: String, hint: String?)
    case cancelled
  }

  private func attempt(_ step: CommitPlan.Step, following: [Part], _ expectsBadRecords: inout Bool) async -> Attempt {
    let settings = await coordinator.settings
    let parts = step.parts
    var batch = build(step, settings)
    var following = Deque(following)
    var machine = CommitMachine(
      retry: settings.retry, laneCount: parts.count, entryCount: batch.entries.count, undecided: batch.applied.count, isPiece: step.isPiece,
      isExact: batch.mayRepeat || expectsBadRecords)
    var action = CommitMachine.Action.attempt(machine.mode)
    while !Task.isCancelled {
      switch action {
      case .attempt(let mode):
        do {
          let start = coordinator.clock.now
          let outcome = try await writer.commit(batch, mode)
          metrics.phase(.commit, start.duration(to: coordinator.clock.now))
          expectsBadRecords = CommitMachine.expectsBadRecords(after: outcome)
          return .committed(await committed(parts, batch, outcome))
        } catch {
          action = await decide(after: error, parts, &machine)
        }
      case .retry(let wait, let mode):
        await coordinator.pauseForPostgres(for: wait)
        action = .attempt(mode)
      case .resolve(let wait):
        await coordinator.pauseForPostgres(for: wait)
        do {
          switch CommitResolution(batch, try await writer.settledLanes(batch.segments.map(\.laneID))) {
          case .committed(let records):
            await resolved(parts, batch, records)
            return .committed(records)
          case .notCommitted: action = machine.notCommitted(await coordinator.evidence, random: coordinator.clock.random())
          case .lost(let lanes): return .without(Set(lanes))
          }
        } catch {
          action = machine.resolveFailed(random: coordinator.clock.random())
          await waits(parts, after: Self.sinkError(error), action)
        }
      case .exclude(let failingEntry):
        batch.reject([failingEntry.entry: failingEntry.rejection])
        action = .attempt(machine.mode)
      case .resolveFence(let lanes, let wait):
        if let wait { await coordinator.pauseForPostgres(for: wait) }
        do {
          switch FenceResolution(batch, fenced: lanes, try await writer.settledLanes(lanes)) {
          case .renumber(let records): return .renumbered(records)
          case .lost(let lanes): return .without(Set(lanes))
          }
        } catch {
          action = machine.resolveFenceFailed(lanes, random: coordinator.clock.random())
          await waits(parts, after: Self.sinkError(error), action)
        }
      case .split: return .separate
      case .bisect: return .apart
      case .dryRun(let wait):
        guard let next = following.popFirst() else { return .unproven }
        await dryRun(next, at: parts[0].record, settings)
        following.append(next)
        await coordinator.pause(for: wait)
        action = .attempt(machine.mode)
      case .deadLetter(let rejection):
        let entry = batch.entries[batch.applied[0]].id
        logger.log(
          .entryDeadLettered, [.lane: "\(parts[0].record.name)", .entry: "\(entry)", .reason: "\(rejection.detail)"])
        return .deadLettered(entry, rejection)
      case .halt(let reason, let hint): return .halted(reason: reason, hint: hint)
      }
    }
    return .cancelled
  }

  private func build(_ step: CommitPlan.Step, _ settings: WorkerSettings) -> ChangeBatch {
    let start = coordinator.clock.now
    let entryCount = step.parts.reduce(0) { $0 + $1.entryCount }
    var builder = BatchBuilder(
      routes: routes, limits: settings.decode, entryCount: entryCount, snapshotTypes: settings.snapshots.types)
    for part in step.parts { builder.append(lane: part.record, partition: part.profile.partition, part.chunks, gaps: part.gaps) }
    var batch = builder.finish()
    if !step.deadLettered.isEmpty {
      let deadLettered = batch.entries.enumerated().compactMap { index, entry in step.deadLettered[entry.id].map { (index, $0) } }
      batch.reject(Dictionary(uniqueKeysWithValues: deadLettered))
    }
    metrics.phase(.apply, start.duration(to: coordinator.clock.now))
    return batch
  }

  /// Tries what follows in a lane as if the lane stood there already, to see whether its entries pass.
  private func dryRun(_ part: Part, at record: LaneRecord, _ settings: WorkerSettings) async {
    var builder = BatchBuilder(
      routes: routes, limits: settings.decode, entryCount: part.entryCount, snapshotTypes: settings.snapshots.types)
    builder.append(lane: record, partition: part.profile.partition, part.chunks)
    if (try? await writer.dryRun(builder.finish())) == true { await coordinator.perform { state, _ in state.dryRunPassed() } }
  }

  private static func sinkError(_ error: any Error) -> SinkError {
    error as? SinkError ?? SinkError(.fault(.ambiguous), "\(error)")
  }

  private func decide(after error: any Error, _ parts: [Part], _ machine: inout CommitMachine) async -> CommitMachine.Action {
    let sinkError = Self.sinkError(error)
    let action = machine.failed(sinkError, await coordinator.evidence, random: coordinator.clock.random())
    if action == .bisect { reports.bisected(parts.map(\.record.name), entries: parts.reduce(0) { $0 + $1.entryCount }, sinkError) }
    await waits(parts, after: sinkError, action)
    return action
  }

  /// Tells whoever watches that Postgres is waited for, where the action is to wait.
  private func waits(_ parts: [Part], after error: SinkError, _ action: CommitMachine.Action) async {
    switch action {
    case .retry(let wait, _), .resolve(let wait), .resolveFence(_, after: let wait?), .dryRun(let wait):
      metrics.retried(error.isOutcomeUnknown ? "outcome_unknown" : "\(error.className)")
      reports.retried(parts.map(\.record.name), error, wait: wait)
      await coordinator.postgresFailed(error)
      await coordinator.perform { state, _ in state.waitsForPostgres(parts.map(\.record.name), error.description) }
    case .attempt, .resolveFence, .split, .exclude, .bisect, .deadLetter, .halt: break
    }
  }

  /// Answers the lanes as they stand now.
  private func committed(_ parts: [Part], _ batch: ChangeBatch, _ outcome: BatchOutcome) async -> [LaneRecord] {
    metrics.committed(batch, outcome, now: coordinator.clock.milliseconds)
    var marks: [PendingMark] = []
    var records: [LaneRecord] = []
    for (part, lane) in zip(parts, outcome.lanes) {
      let record = part.record.advanced(by: lane)
      records.append(record)
      marks.append(PendingMark(record: record, rejected: lane.rejected))
    }
    report(parts, batch)
    reports.committed(parts.map(\.record.name))
    await coordinator.perform { state, _ in state.postgresAnswered() }
    // Before the lane may go on: its marks keep their order.
    publisher.publish(marks)
    let decided = zip(zip(parts, records), outcome.lanes).map { part, lane in
      (part: part.0, result: LaneScheduler.PartResult.committed(part.1, deadLettersInARow: lane.deadLettersInARow))
    }
    await coordinator.perform { $0.finish(decided, at: $1) }
    for rejected in outcome.deadLetters {
      let (entry, reason) = (batch.entries[rejected.entry], rejected.rejection.reason.rawValue)
      let lane = batch.segments[entry.lane].lane
      reports.rejected(reason, lane: lane)
      logger.log(.entryRejected, [.lane: "\(lane)", .entry: "\(entry.id)", .reason: "\(reason)"])
    }
    return records
  }

  /// What was lost, now that it is recorded.
  private func report(_ parts: [Part], _ batch: ChangeBatch) {
    guard batch.segments.contains(where: { !$0.gaps.isEmpty }) else { return }
    for (part, segment) in zip(parts, batch.segments) {
      for gap in segment.gaps {
        metrics.missed(part.profile.metricLabel, gap)
        logger.log(
          .laneGap,
          [
            .lane: "\(segment.lane)", .missing: .number(gap.missing), .cause: "\(gap.cause.rawValue)", .after: "\(gap.after)",
            .before: "\(gap.before.map(\.description) ?? "")",
          ])
      }
    }
  }

  /// The commit's answer was lost, and the batch is in: the lanes say where they stand.
  private func resolved(_ parts: [Part], _ batch: ChangeBatch, _ records: [LaneRecord]) async {
    report(parts, batch)
    reports.committed(parts.map(\.record.name))
    await coordinator.perform { state, _ in state.postgresAnswered() }
    for ((part, segment), record) in zip(zip(parts, batch.segments), records) {
      // Which entries were rejected is in the ledger, too; without it their writers learn `durable`, and find the reason there.
      let rejected =
        (try? await writer.rejected(segment.lane, after: segment.before.position, through: record.cursor.position)) ?? []
      for entry in rejected { reports.rejected(entry.reason, lane: segment.lane) }
      publisher.publish([PendingMark(record: record, rejected: rejected)])
      let counted = rejected.filter { $0.reason != RejectionReason.forgotten.rawValue }
      let inARow = batch.deadLettersInARow(
        of: segment, rejected: Set(counted.map(\.id)), made: record.totals.deadLetters - part.record.totals.deadLetters)
      await finish(part, .committed(record, deadLettersInARow: inARow))
    }
  }

  private func lose(_ part: Part) async {
    metrics.fenced()
    logger.log(.laneFenced, [.lane: "\(part.record.name)", .fence: .number(part.record.fence)])
    await finish(part, .lost)
  }

  private func finish(_ part: Part, _ result: LaneScheduler.PartResult) async {
    await coordinator.perform { $0.finish(part, result, at: $1) }
  }
}

extension SinkError {
  /// The class of the failure as the metric names it.
  var className: String {
    switch kind {
    case .fault(let fault): "\(fault)"
    case .fenced: "fenced"
    }
  }
}
