internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Holds this worker's part of the shards: renews, takes what is free, hands over what it has too much of.
///
/// Waits for nothing but Postgres and its own transactions, so that a Redis that hangs makes no lease run out. Takes turns at a third of
/// the time to live, and at once when there is news; how ``LeaseBalance`` decides is written there.
///
/// A worker that is cut off from Postgres for longer than its leases last keeps its lanes in memory. Another one may have taken them, and
/// giving them up would still make nothing safer: each commit is fenced, and a mark only follows a commit. It would make an outage
/// harder to see, in which lag and state of all lanes would vanish, and longer, since all that was read would be read again. The next
/// renewal tells what was lost.
struct LeaseKeeper: Sendable {
  /// When a turn that failed is tried again.
  static let soon = Duration.milliseconds(200)

  let source: any LanePlacement & StreamInspector
  let sink: any LeaseLedger & StatusLedger
  let worker: WorkerIdentity
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async {
    var wasAble = true
    var noted = NotedSettings()
    let failures = FailureLog<String>(failing: .leasesWaiting, recovered: .leasesCurrent, clock: coordinator.clock, logger: logger)
    while !Task.isCancelled {
      let seen = coordinator.signals[.leases].generation
      let ttl = await coordinator.settings.leaseTTL
      let canServe = await coordinator.perform { $0.canServe(now: $1.now) }
      if canServe != wasAble { await tell(canServe) }
      wasAble = canServe
      var wait = ttl / 3
      do {
        if try await !turn(canServe, ttl) { wait = min(wait, Self.soon) }
        try await noteSettings(&noted)
        failures.succeeded()
        await coordinator.perform { state, _ in state.leasesFailed(nil) }
      } catch {
        if !Task.isCancelled { failures.failed(error) }
        await coordinator.postgresFailed(error)
        let reason = "\(error)\((error as? SinkError)?.hint.map { "; \($0)" } ?? "")"
        await coordinator.perform { state, _ in state.leasesFailed(reason) }
        wait = min(wait, Self.soon)
      }
      await coordinator.signals[.leases].wait(after: seen, until: coordinator.clock.now.advanced(by: wait), on: coordinator.clock)
    }
  }

  /// With each turn, while there are any: the row of a worker that was away for long is another one.
  private func noteSettings(_ noted: inout NotedSettings) async throws {
    let settings = await coordinator.settings
    let note = NotedSettings(notInForce: settings.notInForce, tuningRefused: settings.tuningRefused)
    guard note != NotedSettings() || noted != NotedSettings() else { return }
    try await sink.note(notInForce: note.notInForce, tuningRefused: note.tuningRefused, of: worker)
    noted = note
  }

  /// What the ledger was told of the worker's settings.
  private struct NotedSettings: Equatable {
    var notInForce: String?
    var tuningRefused: String?
  }

  /// False where others took what we wanted, and another look is due.
  private func turn(_ canServe: Bool, _ ttl: Duration) async throws -> Bool {
    let held = try await sink.renew(worker, canServe: canServe, for: ttl)
    await changed(
      await coordinator.perform { state, time in
        state.leaseRenewed(now: time.now)
        state.postgresAnswered()
        return state.hold(held)
      })
    // What was read is committed first; then everything is given back at once.
    guard await !coordinator.isDraining else { return true }
    let balance = LeaseBalance(of: worker.name, in: try await sink.leases(within: ttl))
    var taken = LeaseGrant()
    if !balance.wanted.isEmpty {
      taken = try await sink.take(balance.wanted, for: worker, ttl: ttl)
      await changed(await hold(held.with(taken)))
    }
    if !balance.surplus.isEmpty, await mayHandOver(ttl) { try await handOver(balance.surplus, ttl) }
    return taken.shards.count == balance.wanted.count
  }

  /// Where Redis goes away for all, they notice one after the other, and so they do when it comes back: nobody hands over for that what
  /// another one would have to give back to him a moment later.
  private func mayHandOver(_ ttl: Duration) async -> Bool {
    guard await timeWithoutRedis > ttl else { return true }
    guard await timeWithoutRedis > ttl * 2 else { return false }
    await SourceProbe(source: source, coordinator: coordinator).run(within: ttl / 3)
    return await timeWithoutRedis > .zero
  }

  private func hold(_ held: LeaseGrant) async -> Int { await coordinator.perform { state, _ in state.hold(held) } }

  private var timeWithoutRedis: Duration { get async { await coordinator.perform { $0.timeWithoutRedis(now: $1.now) } } }

  /// Gives back those shards whose transactions come to their end within a third of the time to live; the others wait for the next turn.
  private func handOver(_ shards: [Int], _ ttl: Duration) async throws {
    let vacant = await coordinator.drainShards(shards, until: coordinator.clock.now.advanced(by: ttl / 3))
    guard !vacant.isEmpty else { return }
    try await sink.release(vacant, of: worker)
    await changed(vacant.count)
  }

  private func tell(_ canServe: Bool) async {
    guard await !coordinator.isDraining else { return }
    if canServe {
      logger.log(.workerServing)
    } else {
      let reason = await coordinator.redisError ?? ""
      logger.log(
        .workerNotServing,
        [.reason: "\(reason)", .effect: "its lanes go to workers that reach Redis, if there are any"])
    }
  }

  private func changed(_ shards: Int) async {
    guard shards > 0 else { return }
    metrics.leasesChanged(shards)
    let held = await coordinator.grant.shards.count
    logger.log(.leasesChanged, [.held: .number(held), .changed: .number(shards)])
  }
}
