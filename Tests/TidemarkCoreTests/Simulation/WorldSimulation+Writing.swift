@testable import TidemarkCore

/// The writers, as `BatchCommitter` runs them, and the server at the other end of their connections.
extension WorldSimulation {
  private typealias Writer = SimulatedWorker.Writer

  mutating func write(_ index: Int, writer number: Int) {
    switch workers[index].writers[number].sent {
    case .nothing: decide(index, number)
    case .commit(let batch, let mode):
      if postgres.isDown || random.chance(6) {
        // The connection is gone; the server may have got it, and may not be through with it.
        workers[index].writers[number].sent = .lost(batch, mode, isExecuted: false)
        return note("lost commit", "worker \(workers[index].name)")
      }
      let result = postgres.commit(batch, mode)
      if random.chance(6) {
        workers[index].writers[number].sent = .lost(batch, mode, isExecuted: true)
        return note("lost answer", "worker \(workers[index].name)")
      }
      workers[index].writers[number].sent = .answered(batch, result)
    case .answered(let batch, let result):
      workers[index].writers[number].sent = .nothing
      switch result {
      case .success(let outcome): committed(index, number, batch, outcome)
      case .failure(let error): failed(index, number, error)
      }
    case .lost(let batch, let mode, let isExecuted):
      if !isExecuted, !postgres.isDown, random.chance(30) {
        // The old backend was not through with it.
        _ = postgres.commit(batch, mode)
        workers[index].writers[number].sent = .lost(batch, mode, isExecuted: true)
        return note("late commit", "worker \(workers[index].name)")
      }
      guard !postgres.isDown else { return }
      // The old backend is ended before the lanes are read.
      workers[index].writers[number].sent = .nothing
      resolve(index, number, batch)
    }
  }

  /// The next transaction of the plan, or a new plan.
  private mutating func decide(_ index: Int, _ number: Int) {
    if workers[index].writers[number].plan?.current == nil {
      workers[index].writers[number].plan = nil
      guard case .work(let work) = workers[index].scheduler.nextWork(now: now) else { return }
      workers[index].writers[number].plan = CommitPlan(work.parts)
      workers[index].writers[number].machine = nil
    }
    guard let step = workers[index].writers[number].plan?.current else { return }
    if workers[index].writers[number].machine == nil {
      let batch = SimulatedWorker.build(
        step.parts, deadLettered: step.deadLettered, replacesNUL: workers[index].replacesNUL)
      let machine = CommitMachine(
        retry: retry, laneCount: step.parts.count, entryCount: batch.entries.count, undecided: batch.applied.count,
        isPiece: step.isPiece, isExact: batch.mayRepeat || workers[index].writers[number].expectsBadRecords)
      workers[index].writers[number].batch = batch
      workers[index].writers[number].machine = machine
      workers[index].writers[number].mode = machine.mode
    }
    guard let batch = workers[index].writers[number].batch else { return }
    workers[index].writers[number].sent = .commit(batch, workers[index].writers[number].mode)
  }

  private mutating func committed(_ index: Int, _ number: Int, _ batch: ChangeBatch, _ outcome: BatchOutcome) {
    guard let step = workers[index].writers[number].plan?.current else { return }
    workers[index].writers[number].expectsBadRecords = CommitMachine.expectsBadRecords(after: outcome)
    let records = zip(step.parts, outcome.lanes).map { $0.record.advanced(by: $1) }
    note("committed", "\(batch.segments.map { "\($0.lane) to \(batch.lastID(of: $0))" }) by worker \(workers[index].name)")
    settle(index, number, step.parts, records)
  }

  private mutating func settle(_ index: Int, _ number: Int, _ parts: [LaneScheduler.Work.Part], _ records: [LaneRecord]) {
    for (part, record) in zip(parts, records) {
      let mark = DurableMark(lane: record.name, durable: record.cursor.position, incarnation: record.incarnation, rejected: [])
      if let lane = postgres.lane(record.name), lane.incarnation == mark.incarnation, lane.cursor.position < mark.durable,
        !hasPromoted, !hasGoneBack
      {
        problem("a mark of \(record.name) runs ahead: \(mark.durable), committed \(lane.cursor.position)")
      }
      workers[index].marks.append(mark)
      if record.cursor.appliedNo > part.record.cursor.appliedNo { workers[index].evidence.batches += 1 }
      workers[index].scheduler.finish(part, .committed(record, deadLettersInARow: 0), now: now)
    }
    workers[index].writers[number].plan?.committed(records)
    workers[index].writers[number].machine = nil
  }

  private mutating func failed(_ index: Int, _ number: Int, _ error: SinkError) {
    guard var machine = workers[index].writers[number].machine else { return }
    let action = machine.failed(error, workers[index].evidence, random: 0.5)
    workers[index].writers[number].machine = machine
    act(index, number, action)
  }

  private mutating func resolve(_ index: Int, _ number: Int, _ batch: ChangeBatch) {
    guard var machine = workers[index].writers[number].machine, let step = workers[index].writers[number].plan?.current else { return }
    let unknown = SinkError(.fault(.world), "the connection is gone", isOutcomeUnknown: true)
    _ = machine.failed(unknown, workers[index].evidence, random: 0.5)
    switch CommitResolution(batch, batch.segments.compactMap { postgres.lane($0.lane) }) {
    case .committed(let records):
      note("resolved", "it is in")
      settle(index, number, step.parts, records)
    case .notCommitted:
      note("resolved", "it is not in")
      let action = machine.notCommitted(workers[index].evidence, random: 0.5)
      workers[index].writers[number].machine = machine
      act(index, number, action)
    case .lost(let ids):
      note("resolved", "another one has it")
      leave(index, number, Set(ids), .lost)
    }
  }

  private mutating func act(_ index: Int, _ number: Int, _ action: CommitMachine.Action) {
    switch action {
    case .attempt(let mode), .retry(_, let mode): workers[index].writers[number].mode = mode
    case .resolve: break
    case .exclude(let failingEntry):
      workers[index].writers[number].batch?.reject([failingEntry.entry: failingEntry.rejection])
    case .resolveFence(let ids, after: _): resolveFence(index, number, ids)
    case .split:
      workers[index].writers[number].plan?.split()
      workers[index].writers[number].machine = nil
    case .bisect:
      workers[index].writers[number].plan?.bisect()
      workers[index].writers[number].machine = nil
    case .deadLetter, .dryRun, .halt: problem("\(action) has no reason here")
    }
  }

  private mutating func resolveFence(_ index: Int, _ number: Int, _ ids: [Int32]) {
    guard let batch = workers[index].writers[number].batch else { return }
    switch FenceResolution(batch, fenced: ids, batch.segments.compactMap { postgres.lane($0.lane) }) {
    case .renumber(let records):
      note("renumbered", "worker \(workers[index].name)")
      workers[index].writers[number].plan?.renumber(records)
      workers[index].writers[number].machine = nil
    case .lost(let ids):
      note("fenced", "worker \(workers[index].name)")
      leave(index, number, Set(ids), .lost)
    }
  }

  private mutating func leave(_ index: Int, _ number: Int, _ ids: Set<Int32>, _ result: LaneScheduler.PartResult) {
    guard let step = workers[index].writers[number].plan?.current else { return }
    let ours = step.lanes.intersection(ids)
    let left = workers[index].writers[number].plan?.leaveOut(ours.isEmpty ? step.lanes : ours) ?? []
    for part in left { workers[index].scheduler.finish(part, result, now: now) }
    workers[index].writers[number].machine = nil
  }
}
