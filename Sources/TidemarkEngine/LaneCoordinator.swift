package import TidemarkCore

/// The one place where reader, writers and ownership meet: a shell around ``LaneTable`` that lets each of them wait.
package actor LaneCoordinator {
  private var table: LaneTable
  private(set) var settings: WorkerSettings
  private let changed = ChangeSignal()
  /// What was measured of each lane last.
  private var lags: [String: LaneLag] = [:]
  private var errors: [String: LastError] = [:]
  /// Unix milliseconds, for whoever watches.
  private var commits: [String: Int64] = [:]
  private var checkpoints: [String: Int64] = [:]
  private var redisError: String?
  private var leaseRenewedAt: ContinuousClock.Instant?
  private var backpressure: Duration = .zero
  /// Raised when the settings or the lanes change.
  nonisolated let reloaded = ChangeSignal()

  package init(settings: WorkerSettings) {
    self.settings = settings
    table = LaneTable(limits: settings.flow)
  }

  // Reading

  /// The next read, as soon as there is credit. Nil: no more reading.
  func nextRead(block: Duration) async -> LaneReadRequest? {
    while !Task.isCancelled {
      let seen = changed.generation
      if let request = table.nextRead(block: block) { return request }
      if table.isDraining { return nil }
      let isFull = table.credit.available(of: settings.flow.bufferBytes) <= 0
      let start = ContinuousClock.now
      await changed.wait(after: seen)
      if isFull { backpressure += start.duration(to: .now) }
    }
    return nil
  }

  func received(_ block: EntryBlock, for request: LaneReadRequest) {
    table.received(block, for: request, now: .now)
    changed.raise()
  }

  func overran(_ request: LaneReadRequest) {
    table.overran(request)
  }

  // Committing

  /// The next transaction's worth, as soon as there is one. Nil: drained.
  func nextWork() async -> LaneTable.Work? {
    while !Task.isCancelled {
      let seen = changed.generation
      switch table.nextWork(now: .now) {
      case .work(let work): return work
      case .wait(let until): await changed.wait(after: seen, until: until)
      case .nothing:
        if table.isDrained { return nil }
        await changed.wait(after: seen)
      }
    }
    return nil
  }

  func finish(_ part: LaneTable.Work.Part, _ result: LaneTable.PartResult) {
    table.finish(part, result, now: .now)
    if case .halted(let reason, let hint) = result {
      errors[part.record.name] = LastError(text: reason, hint: hint)
    } else {
      errors[part.record.name] = nil
    }
    if case .committed = result { commits[part.record.name] = WallClock.milliseconds() }
    changed.raise()
  }

  /// These lanes' transaction has to be tried again.
  func waitsForPostgres(_ lanes: [String], _ error: String) {
    table.waitsForPostgres(lanes, true)
    for lane in lanes { errors[lane] = LastError(text: error, hint: nil) }
  }

  /// Waits, but hardly beyond the beginning of a drain: whoever stops us waits, too.
  func pause(for duration: Duration) async {
    let deadline = ContinuousClock.now.advanced(by: duration)
    let seen = drainBegan.generation
    if !table.isDraining { await drainBegan.wait(after: seen, until: deadline) }
    guard table.isDraining, !Task.isCancelled else { return }
    try? await Task.sleep(until: min(deadline, ContinuousClock.now.advanced(by: .milliseconds(500))), clock: .continuous)
  }

  private let drainBegan = ChangeSignal()

  // Ownership

  /// Takes over lanes from their records; a lane that we have under this fence already goes on.
  func own(_ records: [LaneRecord]) {
    for record in records { table.own(record) }
    changed.raise()
  }

  func disown(_ lanes: [String]) {
    for lane in lanes {
      table.disown(lane)
      lags[lane] = nil
      errors[lane] = nil
      commits[lane] = nil
      checkpoints[lane] = nil
    }
    changed.raise()
  }

  var owned: [String: LaneRecord] { table.lanes.mapValues(\.record) }

  func halt(_ lane: String, reason: String, hint: String?, for rest: Duration?) {
    errors[lane] = LastError(text: reason, hint: hint)
    table.halt(lane, reason: reason, hint: hint, until: rest.map { ContinuousClock.now.advanced(by: $0) })
  }

  /// Lanes whose rest is over are tried again.
  func revive(all: Bool = false) {
    guard !table.revive(now: .now, all: all).isEmpty else { return }
    changed.raise()
  }

  func leaseRenewed() { leaseRenewedAt = .now }

  /// Limits and lanes of a reloaded configuration; what can't change while it runs keeps its value.
  package func apply(_ new: WorkerSettings) {
    settings.flow = new.flow
    settings.retry = new.retry
    settings.lanes = new.lanes
    settings.discover = new.discover
    settings.checkpointInterval = new.checkpointInterval
    table.limits = new.flow
    _ = table.revive(now: .now, all: true)
    changed.raise()
    reloaded.raise()
  }

  /// No more reading; what waits is committed. ``nextRead(block:)`` and then ``nextWork()`` answer nil.
  package func beginDrain() {
    table.beginDrain()
    drainBegan.raise()
    changed.raise()
    reloaded.raise()
  }

  var isDraining: Bool { table.isDraining }

  /// Returns once a drain has begun, or when the task is cancelled.
  func draining() async {
    while !table.isDraining, !Task.isCancelled {
      let seen = drainBegan.generation
      if !table.isDraining { await drainBegan.wait(after: seen) }
    }
  }

  /// Returns once every lane's cursor is at least at its entry, or when the task is cancelled.
  package func caughtUp(with entries: [String: EntryID]) async {
    while !Task.isCancelled {
      let seen = changed.generation
      if entries.allSatisfy({ (table.lanes[$0.key]?.record.cursor.position ?? .zero) >= $0.value }) { return }
      await changed.wait(after: seen)
    }
  }

  // What is seen from outside

  func redis(failed error: String?) {
    guard error != redisError else { return }
    redisError = error
  }

  func measured(_ lags: [String: LaneLag]) {
    self.lags.merge(lags) { _, new in new }
  }

  func checkpointed(_ lanes: [String]) {
    let now = WallClock.milliseconds()
    for lane in lanes where table.lanes[lane] != nil { checkpoints[lane] = now }
  }

  package func status() -> WorkerStatus {
    WorkerStatus(
      lanes: table.lanes.values.map { flow in
        let name = flow.record.name
        let state = flow.state == .idle && redisError != nil ? .waitingRedis : flow.state
        return LaneStatus(
          record: flow.record, state: state, lastError: errors[name]?.text ?? (state == .waitingRedis ? redisError : nil),
          hint: errors[name]?.hint, lag: lags[name], oldestUncommitted: flow.oldestUncommitted, lastCommit: commits[name],
          lastCheckpoint: checkpoints[name])
      }.sorted { $0.record.name < $1.record.name },
      bufferBytes: table.credit.used, backpressure: backpressure, redisError: redisError,
      leaseAge: leaseRenewedAt.map { $0.duration(to: .now) }, isDraining: table.isDraining)
  }

  private struct LastError {
    var text: String
    var hint: String?
  }
}
