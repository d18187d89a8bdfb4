/// What is committed next, and what became of commits.
extension WorkerState {
  /// The next step of a writer.
  package enum NextWork: Sendable {
    case work(LaneScheduler.Work)
    /// There is nothing to commit before a change, or before this moment.
    case wait(until: ContinuousClock.Instant?)
    /// A drain is over.
    case end
  }

  package mutating func nextWork(now: ContinuousClock.Instant) -> NextWork {
    switch scheduler.nextWork(now: now) {
    case .work(let work): .work(work)
    case .wait(let until): .wait(until: until)
    case .nothing: scheduler.isDrained ? .end : .wait(until: nil)
    }
  }

  /// The part of a transaction that one lane has, and its result.
  package typealias Decided = (part: LaneScheduler.Work.Part, result: LaneScheduler.PartResult)

  package mutating func finish(_ part: LaneScheduler.Work.Part, _ result: LaneScheduler.PartResult, at time: WorkerTime) {
    finish([(part, result)], at: time)
  }

  /// Records the results of several lanes' parts of a transaction.
  package mutating func finish(_ decided: [Decided], at time: WorkerTime) {
    for (part, result) in decided {
      let name = part.record.name
      scheduler.finish(part, result, now: time.now)
      if case .halted(let reason, let hint) = result {
        views[name, default: LaneView()].error = .init(text: reason, hint: hint)
      } else {
        views[name]?.error = nil
      }
      if case .committed(let record, _) = result {
        committed(record, after: part.record, at: time)
      } else {
        observation.noteChange(name)
      }
    }
    effects.signals.insert(.advanced)
  }

  private mutating func committed(_ record: LaneRecord, after before: LaneRecord, at time: WorkerTime) {
    let name = record.name
    views[name, default: LaneView()].commit = time.milliseconds
    observation.moved(name)
    if record.cursor.appliedNo > before.cursor.appliedNo { evidence.batches += 1 }
    if !record.isMirrored, views[name]?.isMirrorTried != true {
      views[name]?.isMirrorTried = true
      effects.signals.insert(.mirrorable)
    }
  }

  /// Records that entries were not committed, but could have been.
  package mutating func dryRunPassed() { evidence.batches += 1 }

  /// Records that the transaction of these lanes has to be tried again.
  package mutating func waitsForPostgres(_ lanes: [String], _ error: String) {
    scheduler.waitsForPostgres(lanes, true)
    for lane in lanes where scheduler.lanes[lane] != nil {
      views[lane, default: LaneView()].error = .init(text: error, hint: nil)
      observation.noteChange(lane)
    }
  }

  /// Records a failed request to Postgres. While it can't be reached, all lanes with something to commit wait for it.
  package mutating func postgresFailed(_ error: any Error, now: ContinuousClock.Instant) {
    guard let error = error as? SinkError, error.isUnreachable else { return }
    effects.notices += [postgres.failed(error.description, now: now)].compactMap(\.self)
  }

  package mutating func postgresAnswered() { effects.notices += [postgres.answered()].compactMap(\.self) }
}
