internal import DequeModule
internal import Logging
internal import TidemarkCore

/// Commits one transaction after another over one writer: executes what ``CommitMachine`` decides.
struct BatchCommitter: Sendable {
  private typealias Part = LaneTable.Work.Part

  let writer: any ChangeWriter
  let routes: RouteTable
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let metrics: EngineMetrics
  let logger: Logger

  func run() async {
    while let work = await coordinator.nextWork() {
      await commit(work.parts)
    }
    await writer.close()
  }

  /// Commits parts together, or, when it must be learnt which one fails, each alone.
  private func commit(_ parts: [Part]) async {
    var parts = parts
    while !parts.isEmpty {
      switch await attempt(parts) {
      case .done: return
      case .without(let dropped):
        let rest = parts.filter { !dropped.contains($0.record.laneID) }
        // A fence that names none of ours would never let us through.
        let lost = rest.count == parts.count ? parts : parts.filter { dropped.contains($0.record.laneID) }
        for part in lost { await lose(part) }
        parts = rest.count == parts.count ? [] : rest
      case .eachAlone:
        for part in parts { await commit([part]) }
        return
      }
    }
  }

  private enum Attempt {
    case done
    case without(Set<Int32>)
    case eachAlone
  }

  private func attempt(_ parts: [Part]) async -> Attempt {
    let settings = await coordinator.settings
    let start = ContinuousClock.now
    var builder = BatchBuilder(table: routes, limits: settings.decode, builtIn: settings.builtIn)
    for part in parts { builder.append(lane: part.record, part.chunks) }
    let batch = builder.finish()
    metrics.phase(.apply, start.duration(to: .now))

    var machine = CommitMachine(retry: settings.retry, laneCount: parts.count)
    var action = CommitMachine.Action.attempt(.fast)
    while !Task.isCancelled {
      switch action {
      case .attempt(let mode):
        do {
          let start = ContinuousClock.now
          let outcomes = try await writer.commit(batch, mode)
          metrics.phase(.commit, start.duration(to: .now))
          await committed(parts, batch, Settlement(batch, outcomes: outcomes))
          return .done
        } catch {
          action = await decide(after: error, parts, &machine)
        }
      case .retry(let wait, let mode):
        await coordinator.pause(for: wait)
        action = .attempt(mode)
      case .resolve(let wait):
        await coordinator.pause(for: wait)
        do {
          let records = try await writer.settledLanes(batch.segments.map(\.laneID))
          let resolution = CommitResolution(batch, records)
          if !resolution.lost.isEmpty || resolution.committed.isEmpty {
            guard resolution.lost.isEmpty else { return .without(Set(resolution.lost.map { batch.segments[$0].laneID })) }
            action = machine.notCommitted()
          } else {
            await resolved(parts, batch, resolution)
            return .done
          }
        } catch {
          _ = await decide(after: error, parts, &machine)
          action = machine.resolveFailed(random: .random(in: 0..<1))
        }
      case .drop(let lanes): return .without(Set(lanes))
      case .split: return .eachAlone
      case .halt(let reason, let hint):
        for part in parts {
          logger.error("lane.halted", metadata: ["lane": "\(part.record.name)", "reason": "\(reason)", "hint": "\(hint ?? "")"])
          await coordinator.finish(part, .halted(reason: reason, hint: hint))
        }
        return .done
      }
    }
    for part in parts { await coordinator.finish(part, .lost) }
    return .done
  }

  private func decide(after error: any Error, _ parts: [Part], _ machine: inout CommitMachine) async -> CommitMachine.Action {
    let sinkError = error as? SinkError ?? SinkError(.fault(.ambiguous), "\(error)")
    let action = machine.failed(sinkError, random: .random(in: 0..<1))
    switch action {
    case .retry(let wait, _), .resolve(let wait):
      metrics.retried(sinkError.isOutcomeUnknown ? "outcome_unknown" : "\(sinkError.className)")
      logger.warning(
        "commit.retry", metadata: ["reason": "\(sinkError.description)", "wait": "\(wait)", "lanes": "\(parts.count)"])
      await coordinator.waitsForPostgres(parts.map(\.record.name), sinkError.description)
    case .attempt, .drop, .split, .halt: break
    }
    return action
  }

  private func committed(_ parts: [Part], _ batch: ChangeBatch, _ settlement: Settlement) async {
    metrics.committed(batch, settlement, now: WallClock.milliseconds())
    var marks: [DurableMark] = []
    for (part, lane) in zip(parts, settlement.lanes) {
      let record = part.record.advanced(by: lane)
      await coordinator.finish(part, .committed(record, deadLettersInARow: lane.deadLettersInARow))
      marks.append(
        DurableMark(
          lane: record.name, durable: record.cursor.position, incarnation: record.incarnation, rejected: lane.rejected))
    }
    for rejected in settlement.deadLetters {
      logger.debug(
        "entry.rejected",
        metadata: ["entry": "\(batch.entries[rejected.entry].id)", "reason": "\(rejected.rejection.reason.rawValue)"])
    }
    publisher.publish(marks)
  }

  /// The commit's answer was lost, and the batch is in: the lanes say where they stand.
  private func resolved(_ parts: [Part], _ batch: ChangeBatch, _ resolution: CommitResolution) async {
    for (index, record) in resolution.committed {
      let segment = batch.segments[index]
      // Which entries were rejected is in the ledger, too; without it their writers learn `durable`, and find the reason there.
      let rejected =
        (try? await writer.rejected(segment.lane, after: segment.before.position, through: record.cursor.position)) ?? []
      await coordinator.finish(parts[index], .committed(record, deadLettersInARow: 0))
      publisher.publish([
        DurableMark(
          lane: record.name, durable: record.cursor.position, incarnation: record.incarnation, rejected: rejected)
      ])
    }
  }

  private func lose(_ part: Part) async {
    metrics.fenced()
    logger.warning("lane.fenced", metadata: ["lane": "\(part.record.name)", "fence": "\(part.record.fence)"])
    await coordinator.finish(part, .lost)
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
