internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Removes from Redis what is durable, wanted by nobody and older than the kept window.
struct LaneTrimmer: Sendable {
  static let interval = Duration.seconds(1)
  /// Lanes of one round at most.
  static let portion = 64

  let source: any LanePlacement & StreamInspector & StreamKeeper
  let ledger: LedgerWatch
  let inspector: LaneInspector
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  func run() async {
    await SteadyTurns(interval: Self.interval, event: .trimWaiting, recovered: .trimCurrent, clock: coordinator.clock, logger: logger)
      .run { try await trim() }
  }

  private func trim() async throws {
    let settings = await coordinator.settings
    let owned = await coordinator.perform { state, _ in state.lanesToTrim(Self.portion) }
    // Of a stream that was made anew, or is gone, nothing is trimmed before something of it is durable.
    let others = owned.map(\.record).filter { !settings.trim.isEnabled || $0.cursor.position == .zero }
    try await forgetRejected(others.filter(\.hasMark))
    guard settings.trim.isEnabled else { return }
    // Never by what we remember: the cursor that counts is the one that Postgres would give to the next owner.
    guard let found = try await ledger.read(owned.map(\.record.name)) else { return }
    let records = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0) })
    let lanes = owned.compactMap { flow in
      records[flow.record.name].flatMap { $0.fence == flow.record.fence ? (record: $0, flow: flow) : nil }
    }.filter { $0.record.cursor.position > .zero }
    guard !lanes.isEmpty else { return }
    let servers = try await source.byServer(lanes) { $0.record.name }
    try await servers.forEachAtOnce { try await trim($0.items, on: $0.server, settings) }
  }

  private func trim(
    _ lanes: [(record: LaneRecord, flow: OwnedLane)], on server: LaneServer, _ settings: WorkerSettings
  ) async throws {
    let (connection, inspection) = try await inspector.survey(
      lanes.map { ExpectedStream($0.record, knownAdded: $0.flow.knownAdded) }, on: server, mayBeDeferred: true)
    let comparisons = Dictionary(uniqueKeysWithValues: inspection.comparisons.map { ($0.lane.lane, $0) })
    let passed = await coordinator.perform { $0.passed(lanes.map(\.record), now: $1.now) }
    let now = try await source.currentMilliseconds(beside: lanes.first?.record.name ?? "")
    var cuts: [TrimCut] = []
    var trimmed: [(lane: String, below: EntryID)] = []
    var blocked: [String: [String]] = [:]
    for (lane, passed) in zip(lanes, passed) {
      guard let comparison = comparisons[lane.record.name] else { continue }
      guard comparison.mayBeTrimmed, let stream = comparison.observed.stream else {
        if comparison.observed.stream == nil {
          trimmed.append((lane.record.name, max(lane.record.furthest, lane.record.cursor.position).successor))
        }
        continue
      }
      let bound = TrimBound(
        stream, cursor: lane.record.cursor.position, now: now, passed: passed, at: coordinator.clock.now, limits: settings.trim,
        entryBytes: lane.flow.meanEntryBytes, groups: comparison.observed.groups, own: source.groupName)
      blocked[lane.record.name] = bound.blockedBy
      trimmed.append((lane.record.name, max(bound.below ?? .zero, stream.firstID ?? lane.record.cursor.position)))
      if let below = bound.below { cuts.append(TrimCut(lane: lane.record.name, below: below, installation: lane.record.installation)) }
    }
    await coordinator.perform { [blocked] in $0.trimBlocked(blocked, now: $1.now) }
    // A replica that took over meanwhile may hold other entries below the cuts.
    for (cut, result) in zip(cuts, try await source.trim(cuts, over: connection)) {
      switch result {
      case .success(let count):
        if count > 0 { metrics.trimmed(cut.lane, count) }
        inspector.refusals.clear([cut.lane], .trim)
      case .failure(let error):
        inspector.refusals.note(error, of: cut.lane, .trim)
        await coordinator.perform { _ = $0.refused([cut.lane: error], now: $1.now) }
      }
    }
    // A user may lack the right to it: then agents are told of more than they can ask for, and nothing else depends on it.
    try? await source.forgetRejected(trimmed)
  }

  /// Where somebody else trims, agents are told no longer, either, of rejected entries that are gone.
  private func forgetRejected(_ records: [LaneRecord]) async throws {
    guard !records.isEmpty else { return }
    let servers = try await source.byServer(records) { $0.name }
    try await servers.forEachAtOnce { _, records in
      let inspection = try await inspector.inspect(records.map { ExpectedStream(asking: $0.name) }, mayBeDeferred: true)
      let streams = Dictionary(uniqueKeysWithValues: inspection.comparisons.map { ($0.lane.lane, $0.observed) })
      let trimmed = records.compactMap { record in
        streams[record.name].map {
          (lane: record.name, below: $0.stream?.firstID ?? max(record.furthest, record.cursor.position).successor)
        }
      }
      try? await source.forgetRejected(trimmed)
    }
  }
}
