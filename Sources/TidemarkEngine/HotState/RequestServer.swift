internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Does what agents ask for in the streams of requests of this worker's partitions: restores sessions, and forks them.
///
/// A request stays in its stream until it is done, so the next owner of the lane does what this worker leaves.
struct RequestServer: Sendable {
  /// The time between two looks at all streams. It covers a notification that was lost, and a server that notifies nobody.
  static let sweep = Duration.seconds(1)
  /// The longest time for which the requests of a lane wait for what the lane still holds. They are looked at again afterwards.
  static let commitPatience = Duration.seconds(20)
  private static let portion = 100

  let services: HotServices
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger
  private let changed = ChangeSignal()

  init(services: HotServices, coordinator: LaneCoordinator, metrics: EngineMetrics, logger: Logger) {
    self.services = services
    self.coordinator = coordinator
    self.metrics = metrics
    self.logger = logger
  }

  /// Until cancelled.
  func run() async {
    await withTaskGroup { tasks in
      tasks.addTask { await coordinator.forEachServer { await listen(on: $0) } }
      tasks.addTask { await serve() }
      await tasks.waitForAll()
    }
  }

  private func listen(on server: LaneServer) async {
    while !Task.isCancelled, await coordinator.servers.contains(server), await !coordinator.isDraining {
      let lanes = await coordinator.settings.lanes
      let names = lanes.partitionLanes.compactMap { lanes.markPlace(of: $0).keys?.requests }
      do {
        _ = try await services.doorbell.changedLanes(DoorbellPrefixes.covering(names), on: server)
        changed.raise()
      } catch {
        // The sweep finds what comes meanwhile. What somebody must grant is granted seldom.
        await coordinator.pause(for: coordinator.settings.retry.cap)
      }
    }
  }

  private func serve() async {
    let failures = FailureLog<String>(
      failing: .requestsWaiting, recovered: .requestsCurrent, clock: coordinator.clock, logger: logger)
    let turns = ExclusiveTurns<String>()
    await withDiscardingTaskGroup { tasks in
      while !Task.isCancelled, await !coordinator.isDraining {
        let seen = changed.generation
        do {
          let lanes = await coordinator.partitionLanes
          let idle = turns.idle(of: lanes.keys.sorted())
          if !idle.isEmpty {
            let (now, requests) = try await services.store.requests(of: idle, limit: Self.portion)
            for lane in requests {
              guard let installation = lanes[lane.lane] else { continue }
              _ = turns.begin(
                lane.lane, in: &tasks, { await serve(lane, now: now, for: installation, failures) }, ended: { changed.raise() })
            }
          }
          failures.succeeded()
        } catch {
          if !Task.isCancelled { failures.failed(error) }
        }
        await changed.wait(after: seen, until: coordinator.clock.now.advanced(by: Self.sweep), on: coordinator.clock)
      }
    }
  }

  private func serve(_ requests: LaneRequests, now: UInt64, for installation: InstallationID, _ failures: FailureLog<String>) async {
    do {
      if try await serve(requests, now: now, for: installation) { return }
    } catch {
      guard !Task.isCancelled else { return }
      failures.failed(error)
    }
    // What can't be done now, as before the next incarnation of a lane has begun, is not tried again at once.
    await coordinator.pause(for: coordinator.settings.retry.base)
  }

  /// Returns whether all requests are done.
  private func serve(_ all: LaneRequests, now: UInt64, for installation: InstallationID) async throws -> Bool {
    var requests = all
    let (store, settings) = (services.store, await coordinator.settings)
    let expired = requests.removeExpired(now: now)
    try await store.removeRequests(expired, of: requests.lane)
    let restorer = SessionRestorer(
      ledger: services.ledger, store: store, lanes: settings.lanes, installation: installation, messages: settings.functions.hotMessages)
    let start = coordinator.clock.now
    let evicted = try await restorer.restore(requests.restores, onlyEvicted: true)
    // Whether a session that is there began anew is asked again below.
    let others = zip(requests.restores, evicted).filter { [nil, .alreadyHot, .changedMeanwhile].contains($0.1) }.map(\.0)
    let needed = others.isEmpty ? requests.lastForked : .max
    if let needed, !(try await waitForCommits(of: requests.lane, through: needed)) { return false }
    let outcomes = zip(others, try await restorer.restore(others, createsUnknown: true))
    let restored = (evicted + outcomes.map(\.1)).count { if case .restored = $0 { true } else { false } }
    metrics.sessionsRestored(restored, start.duration(to: coordinator.clock.now))
    for case (let session, .refused(let error)?) in Array(zip(requests.restores, evicted)) + outcomes {
      logger.log(.restoreRefused, [.session: "\(session)", .reason: "\(error)"])
    }
    for entry in requests.entries { try await fork(entry.request) }
    // A session that changed meanwhile is tried again.
    let again = Set(outcomes.filter { $0.1 == .changedMeanwhile }.map { SessionKey($0.0) })
    let done = requests.entries.filter { entry in
      guard case .restore(let session) = entry.request else { return true }
      return !again.contains(SessionKey(session))
    }
    try await store.removeRequests(done.map(\.id), of: requests.lane)
    return again.isEmpty
  }

  /// Waits until this worker has committed what the lane's stream holds now, and what was read of it, up to an entry. Returns false where that
  /// takes too long, and where the stream turns out to be another one than that which was read.
  private func waitForCommits(of lane: String, through entry: EntryID) async throws -> Bool {
    let end = try await services.store.lanes(named: [lane])[0].end
    let goals = await coordinator.perform { state, _ in state.commitGoals([lane: end], through: entry) }
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask { await coordinator.reaches(goals) }
      group.addTask {
        try? await coordinator.clock.sleep(for: Self.commitPatience)
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? false
    }
  }

  private func fork(_ request: SessionRequest) async throws {
    switch request {
    case .restore: return
    case .invalid(let reason):
      logger.log(.requestInvalid, [.reason: "\(reason)", .effect: "it is removed"])
    case .fork(let session, let new, let entry):
      do {
        let outcome = try await SessionForker(ledger: services.ledger, store: services.store).fork(session, at: entry, as: new)
        switch outcome {
        case .forked: break
        case .unknown: logger.log(.forkRefused, [.session: "\(session)", .reason: "Postgres does not know the session"])
        case .exists: logger.log(.forkRefused, [.session: "\(new)", .reason: "a session of this name exists"])
        }
      } catch let refusal as HotRefusal {
        logger.log(.forkRefused, [.session: "\(new)", .reason: "\(refusal)"])
      }
    }
  }
}
