internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Measures lag, tells agents how hard to write, notes lanes' states in the ledger, moves the groups that mirror cursors, and writes
/// checkpoint rows. Nothing else depends on it: when a server is away it misses a turn.
struct LaneObserver: Sendable {
  static let interval = Duration.seconds(1)

  let source: any LanePlacement & MarkStore & StreamInspector & StreamKeeper
  let sink: any LaneLedger & StatusLedger
  let inspector: LaneInspector
  let worker: WorkerIdentity
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let metrics: EngineMetrics
  let reports: CommitReports
  private let states: FailureLog<String>
  private let checkpoints: FailureLog<String>
  private let groups: FailureLog<String>

  init(
    source: any LanePlacement & MarkStore & StreamInspector & StreamKeeper, sink: any LaneLedger & StatusLedger, inspector: LaneInspector,
    worker: WorkerIdentity, coordinator: LaneCoordinator,
    publisher: MarkPublisher, metrics: EngineMetrics, reports: CommitReports, logger: Logger
  ) {
    self.source = source
    self.sink = sink
    self.inspector = inspector
    self.worker = worker
    self.coordinator = coordinator
    self.publisher = publisher
    self.metrics = metrics
    self.reports = reports
    states = FailureLog(failing: .statesWaiting, recovered: .statesCurrent, clock: coordinator.clock, logger: logger)
    checkpoints = FailureLog(failing: .checkpointWaiting, recovered: .checkpointCurrent, clock: coordinator.clock, logger: logger)
    groups = FailureLog(failing: .groupsWaiting, recovered: .groupsCurrent, clock: coordinator.clock, logger: logger)
  }

  /// Lanes of one statement at most.
  static let portion = 2_000

  func run() async {
    let turns = ExclusiveTurns<LaneServer>()
    await withDiscardingTaskGroup { await run(turns, &$0) }
  }

  private func run(_ turns: ExclusiveTurns<LaneServer>, _ group: inout DiscardingTaskGroup) async {
    var checkpointDue = coordinator.clock.now
    var noted: [String: Noted] = [:]
    while !Task.isCancelled {
      let seen = coordinator.signals[.mirrorable].generation
      await measure(turns, &group)
      await note(&noted)
      await noteTypes()
      reports.saySummary()
      if coordinator.clock.now >= checkpointDue {
        await checkpoint()
        checkpointDue = coordinator.clock.now.advanced(by: await coordinator.settings.checkpointInterval)
      }
      let next = min(
        coordinator.clock.now.advanced(by: Self.interval), max(checkpointDue, coordinator.clock.now.advanced(by: .milliseconds(50))))
      await coordinator.signals[.mirrorable].wait(after: seen, until: next, on: coordinator.clock)
    }
  }

  /// The last word before leases are given back.
  func finish() async {
    await checkpoint()
    reports.saySummary(isLast: true)
  }

  private func measure(_ turns: ExclusiveTurns<LaneServer>, _ group: inout DiscardingTaskGroup) async {
    let lanes = await coordinator.perform { $0.lanesToMeasure(now: $1.now) }
    guard !lanes.isEmpty else { return }
    do {
      for (server, lanes) in try await source.byServer(lanes, lane: { $0.record.name })
      where !turns.begin(server, in: &group, { await measure(lanes, on: server) }) {
        await measureFailed(lanes.map(\.record.name))
      }
    } catch {
      await measureFailed(lanes.map(\.record.name))
    }
  }

  private func measure(_ lanes: [LaneStatus], on server: LaneServer) async {
    guard let first = lanes.first?.record.name else { return }
    do {
      // Of a lane that is halted, or whose entries wait in Redis, only Redis knows which entry waits longest.
      let inspection = try await inspector.inspect(
        lanes.map {
          ExpectedStream(
            asking: $0.record.name, cursor: $0.record.cursor.position, question: $0.oldestUncommitted == nil ? .next : .counters)
        }, mayBeDeferred: true)
      let streams = Dictionary(uniqueKeysWithValues: inspection.comparisons.map { ($0.lane.lane, $0.observed) })
      let now = try await source.currentMilliseconds(beside: first)
      let added = streams.compactMapValues(\.stream?.entriesAdded)
      let waited = await coordinator.perform { $0.observed(added, now: $1.now) }
      let seen = lanes.compactMap { lane in streams[lane.record.name].map { (lane: lane, observed: $0) } }
      let mirrors = seen.compactMap { lane, observed in observed.stream.map { LaneMirror(lane.record, within: $0) } }
      let measured = seen.map { lane, observed in
        let oldest = lane.oldestUncommitted ?? observed.next
        let lag = LagMeasure.lag(
          observed.stream, record: lane.record, oldestUncommitted: oldest, now: now, waited: waited[lane.record.name])
        return (lane.record.name, lag)
      }
      let lags = Dictionary(uniqueKeysWithValues: measured)
      await coordinator.perform { state, _ in
        state.measured(lags)
        state.measureFailed(inspection.refused.map(\.lane.lane))
        state.measureAgain(inspection.deferred.map(\.lane))
      }
      await restoreMarks(lanes.map(\.record))
      try await publishPressure(lags, beside: first, now: now)
      await mirrorOrSay(mirrors, of: lanes.map(\.record), on: server)
    } catch {
      await measureFailed(lanes.map(\.record.name))
    }
  }

  private func measureFailed(_ lanes: [String]) async { await coordinator.perform { state, _ in state.measureFailed(lanes) } }

  /// Marks that somebody deleted are told again, or agents would wait until the lane's next entry. So are those that came from another server:
  /// sessions are put back only once the lane was compared there.
  private func restoreMarks(_ records: [LaneRecord]) async {
    let marked = records.filter(\.hasMark)
    // Those of other lanes may be at another server, which may be away.
    guard !marked.isEmpty, let told = try? await source.marks(of: marked.map(\.name)) else { return }
    publisher.publish(zip(marked, told).filter { $1?.isSurveyed != true }.map { record, _ in PendingMark(record: record) })
  }

  /// Types that entries have and nobody knows, for whoever looks without a worker.
  private func noteTypes() async {
    let types = metrics.takeUnknownTypes()
    guard !types.isEmpty else { return }
    do {
      try await sink.noteUnknownTypes(types)
    } catch {
      metrics.returnUnknownTypes(types)
    }
  }

  /// Agents hold by what they were told for as long as the lease holds, and hold back by themselves once nobody tells them anything. Of many
  /// lanes each is measured in turn only.
  private func publishPressure(_ lags: [String: LaneLag], beside lane: String, now: UInt64) async throws {
    let lags = await coordinator.perform { state, _ in state.lanesWithPressure(lags) }
    guard !lags.isEmpty else { return }
    let memory = try await source.memoryShare(beside: lane)
    let levels = await coordinator.perform { state, _ in state.pressureLevels(lags, memory: memory) }
    guard !levels.isEmpty else { return }
    let refused = try await source.publishPressure(levels, until: now + UInt64(await coordinator.pressureLifetime.seconds * 1000))
    for (lane, error) in refused { inspector.refusals.note(error, of: lane, .pressure) }
    inspector.refusals.clear(levels.lazy.map(\.lane).filter { refused[$0] == nil }, .pressure)
    await coordinator.perform { _ = $0.refused(refused, now: $1.now) }
  }

  private func mirrorOrSay(_ mirrors: [LaneMirror], of records: [LaneRecord], on server: LaneServer) async {
    guard !mirrors.isEmpty else { return }
    do {
      try await mirror(mirrors, of: records, on: server)
      groups.succeeded()
    } catch {
      if !Task.isCancelled { groups.failed(error) }
    }
  }

  /// The ledger knows of a group before its absence can mean anything. One that is made says that this is the stream that was read: it is
  /// looked at before, over the same connection.
  private func mirror(_ mirrors: [LaneMirror], of records: [LaneRecord], on server: LaneServer) async throws {
    let moved = mirrors.filter { !$0.isNew }
    if !moved.isEmpty { _ = try await source.mirror(moved, over: nil) }
    let new = mirrors.filter(\.isNew)
    guard !new.isEmpty else { return }
    let names = Set(new.map(\.lane))
    let unmirrored = records.filter { names.contains($0.name) }
    let checks = await coordinator.perform { state, _ in state.mirrorChecks(unmirrored) }
    guard !checks.isEmpty else { return }
    let (connection, inspection) = try await inspector.survey(checks, on: server, mayBeDeferred: true)
    let sound = Set(inspection.comparisons.filter { $0.replacement() == nil }.map(\.lane.lane))
    let there = try await source.mirror(new.filter { sound.contains($0.lane) }, over: connection)
    let mirrored = unmirrored.filter { there.contains($0.name) }
    guard !mirrored.isEmpty else { return }
    try await sink.mirrored(mirrored)
    await coordinator.perform { state, _ in state.mirrored(mirrored) }
  }

  /// What the ledger was told of a lane, and where the lane stood then.
  private struct Noted {
    var note: LaneNote
    var ordinal: UInt64

    /// Whether the ledger has to be told. A commit of the lane has removed its last error there.
    func differs(from note: LaneNote, at ordinal: UInt64) -> Bool {
      self.note != note || note.lastError != nil && self.ordinal != ordinal
    }
  }

  private func note(_ noted: inout [String: Noted]) async {
    var notes: [Noted] = []
    for (name, status) in await coordinator.perform({ $0.changedLanes(now: $1.now) }) {
      // A busy lane is idle many times a second. The ledger calls both `reading`, and readers see by the lag which it is: a row that
      // changed with every turn would compete with the commits for its lock.
      guard let status else {
        noted[name] = nil
        continue
      }
      let note = LaneNote(
        lane: name, fence: status.record.fence, state: status.state == .idle ? .reading : status.state, lastError: status.lastError,
        hint: status.hint)
      let ordinal = status.record.ordinal
      if noted[name]?.differs(from: note, at: ordinal) ?? true { notes.append(Noted(note: note, ordinal: ordinal)) }
    }
    for portion in notes.portions(of: Self.portion) {
      do {
        try await sink.note(portion.map(\.note))
        for noting in portion { noted[noting.note.lane] = noting }
        states.succeeded()
      } catch {
        await coordinator.perform { state, _ in state.noteFailed(portion.map(\.note.lane)) }
        if !Task.isCancelled { states.failed(error) }
      }
    }
  }

  private func checkpoint() async {
    let moved = await coordinator.perform { $0.movedLanes(now: $1.now) }.filter { $0.record.cursor.position > .zero }
    for portion in moved.portions(of: Self.portion) {
      do {
        try await sink.checkpoint(
          portion.map {
            CheckpointMark(
              lane: $0.record.name, fence: $0.record.fence, lagEntries: $0.lag?.entries, lagSeconds: $0.lag?.seconds)
          }, worker: worker)
        await coordinator.perform { $0.checkpointed(portion.map(\.record.name), at: $1) }
        checkpoints.succeeded()
      } catch {
        await coordinator.perform { state, _ in state.checkpointFailed(portion.map(\.record.name)) }
        if !Task.isCancelled { checkpoints.failed(error) }
      }
    }
  }
}

extension Array {
  func portions(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
