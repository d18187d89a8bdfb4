internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Takes up the lanes of the shards that this worker holds, and registers those that are new.
struct LaneOwnership: Sendable {
  let source: any LanePlacement & StreamInspector
  let sink: any LaneLedger & StatusLedger
  let worker: WorkerIdentity
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let ledger: LedgerWatch
  let verification: OwnershipCheck
  let discovery: LaneDiscovery
  let claim: ClaimWatch
  let logger: Logger

  /// Until cancelled. What failed is tried again with the next discovery.
  func run() async {
    let turns = ExclusiveTurns<LaneServer>()
    let trouble = FailureLog<LaneServer?>(
      failing: .ownershipWaiting, recovered: .ownershipCurrent, clock: coordinator.clock, logger: logger)
    await withDiscardingTaskGroup { await run(turns, trouble, &$0) }
  }

  private func run(_ turns: ExclusiveTurns<LaneServer>, _ trouble: FailureLog<LaneServer?>, _ group: inout DiscardingTaskGroup) async {
    while !Task.isCancelled {
      let seen = coordinator.signals[.ownership].generation
      let settings = await coordinator.settings
      await watching(nil, trouble) { try await takeUp(settings, turns, trouble, &group) }
      await coordinator.perform { state, time in
        state.acquisitionFailed(Set(trouble.reasons.values).sorted())
        state.revive(now: time.now)
        state.forgetReplacements(except: publisher.waitingLanes)
      }
      // While no lane is ours nobody reads, and so nobody else learns whether Redis can be reached.
      if await coordinator.ownsNothing { await SourceProbe(source: source, coordinator: coordinator).run() }
      let next = coordinator.clock.now.advanced(by: settings.discover)
      await coordinator.signals[.ownership].wait(after: seen, until: next, on: coordinator.clock)
    }
  }

  /// Owns every lane of our shards that we don't own yet: new ones, and those that were fenced off while the lease stayed ours.
  private func takeUp(
    _ settings: WorkerSettings, _ turns: ExclusiveTurns<LaneServer>, _ trouble: FailureLog<LaneServer?>, _ group: inout DiscardingTaskGroup
  ) async throws {
    guard await !coordinator.isDraining else { return }
    try await recall()
    let found = await discovery.find(settings)
    let wanted = await coordinator.perform { state, _ in state.lanesToAcquire(found.names, isComplete: found.failure == nil) }
    // Redis may have been flushed, or be another one: what is found there is judged under the ledger's claim only.
    if !wanted.isEmpty, await !claim.confirm() { return }
    for (server, names) in try await source.byServer(wanted, lane: { $0 }) {
      _ = turns.begin(server, in: &group) {
        await watching(server, trouble) { try await takeUp(names, found, at: server, settings) }
      }
    }
    if let failure = found.failure { throw failure }
  }

  /// Says why lanes of a server can't be taken up, and the end of it; nil: of what concerns them all.
  private func watching(_ server: LaneServer?, _ trouble: FailureLog<LaneServer?>, _ body: () async throws -> Void) async {
    do {
      try await body()
      trouble.succeeded(server, server?.metadata ?? [:])
    } catch {
      if !Task.isCancelled {
        trouble.failed(server, "\(error)", (server?.metadata ?? [:]).merging([.hint: "\((error as? SinkError)?.hint ?? "")"]) { $1 })
      }
      await coordinator.postgresFailed(error)
    }
  }

  /// Asks the ledger which lanes it knows of shards that were taken: of a stream that is gone discovery finds nothing.
  private func recall() async throws {
    let grant = await coordinator.grant
    let shards = await coordinator.shardsToRecall
    guard !shards.isEmpty else { return }
    let lanes = try await sink.begunLanes(of: shards)
    await coordinator.perform { state, _ in state.recalled(lanes, of: shards, under: grant) }
  }

  /// Lanes of one server.
  private func takeUp(
    _ names: [String], _ found: LaneDiscovery.Found, at server: LaneServer, _ settings: WorkerSettings
  ) async throws {
    let (committed, draining) = await coordinator.perform { state, _ in (state.committed(names), state.draining(names)) }
    var records = try await sink.lanes(named: names)
    // A lane that was fenced off, or whose lease went with what Postgres lacks, shows only here that it did.
    await ledger.compare(committed, with: records)
    let known = Set(records.map(\.name))
    var starts: [String: LaneStart] = [:]
    for name in names where !known.contains(name) && found.names.contains(name) {
      starts[name] = settings.lanes.profile(of: name).flatMap { found.items.start(of: name, as: $0) }
    }
    let unknown = names.filter { !known.contains($0) && (starts[$0] != nil || !found.names.contains($0)) }
    if !unknown.isEmpty {
      // One that is refused is registered once it can be looked at.
      try await sink.register(try await discovery.begin(unknown, starts, settings).lanes)
      let new = try await sink.lanes(named: unknown)
      records += new
      // Streams that came and went: nothing of them was ever seen.
      let begun = Set(new.map(\.name))
      await coordinator.perform { state, _ in
        state.setAside(unknown.filter { !begun.contains($0) })
        state.registered()
      }
    }
    let verified = try await verification.verified(try await owned(records), draining, settings)
    let gone = verified.filter { lane in
      guard lane.stream == nil, lane.halt == nil else { return false }
      return settings.lanes.profile(of: lane.record.name)?.isServedWithoutStream != true
    }
    let goneNames = Set(gone.map(\.record.name))
    let served = verified.filter { !goneNames.contains($0.record.name) }
    let ours = served.map(\.record)
    let halted = Dictionary(uniqueKeysWithValues: served.compactMap { lane in lane.halt.map { (lane.record.name, $0) } })
    let read = served.filter { $0.halt == nil }
    let knownAdded = Dictionary(uniqueKeysWithValues: read.map { ($0.record.name, $0.stream?.entriesAdded ?? 0) })
    let controls = try await sink.laneControls()
    await coordinator.perform { state, time in
      state.setAside(goneNames)
      // The requests of operators come first: nothing is read of a paused lane.
      state.controlled(controls, now: time.now)
      state.acquire(ours, at: server, halted: halted, knownAdded: knownAdded, now: time.now)
    }
    // A worker that died between commit and mark left the mark behind; a new incarnation begins with a mark that falls.
    publisher.publish(
      verified.filter { $0.halt == nil && $0.record.hasMark }.map {
        PendingMark(record: $0.record, isGone: goneNames.contains($0.record.name))
      })
    // While they were looked at they may have gone elsewhere; whoever follows them did not know yet that they are ours.
    let ownNames = ours.map(\.name)
    let places = try await source.servers(of: ownNames)
    await coordinator.perform { state, _ in state.place(ownNames, at: places) }
    if !ours.isEmpty { logger.log(.lanesOwned, [.lanes: .number(ours.count), .new: .number(unknown.count)]) }
    if !gone.isEmpty { logger.log(.lanesGone, [.lanes: .number(gone.count)]) }
  }

  /// The lanes whose rows say that they are ours, which is reclaimed where our leases say so and the rows don't.
  private func owned(_ records: [LaneRecord]) async throws -> [LaneRecord] {
    let ours = records.filter { $0.owner == worker.name }
    let others = records.filter { $0.owner != worker.name }.map(\.name)
    guard !others.isEmpty else { return ours }
    let reclaimed = try await sink.reclaim(others, for: worker)
    if !reclaimed.isEmpty { logger.log(.lanesReclaimed, [.lanes: "\(reclaimed.count)"]) }
    return ours + reclaimed
  }
}
