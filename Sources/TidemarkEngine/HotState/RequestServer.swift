internal import Logging
internal import Synchronization
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
    let (looks, works) = (ExclusiveTurns<String>(), ExclusiveTurns<String>())
    let waiting = Mutex(WaitingRequests())
    await withDiscardingTaskGroup { tasks in
      while !Task.isCancelled, await !coordinator.isDraining {
        let seen = changed.generation
        do {
          let lanes = await coordinator.partitionLanes
          waiting.withLock { $0.keep(lanes.keys) }
          let idle = looks.idle(of: lanes.keys.sorted())
          if !idle.isEmpty {
            let places = waiting.withLock { waiting in idle.map { (name: $0, after: waiting.last(of: $0)) } }
            let (now, requests) = try await services.store.requests(of: places, limit: Self.portion)
            for lane in requests {
              guard let installation = lanes[lane.lane] else { continue }
              _ = looks.begin(
                lane.lane, in: &tasks,
                {
                  _ = await attempt(failures) {
                    let (rest, last) = try await serveEvicted(lane, now: now, for: installation)
                    waiting.withLock { $0.add(rest, through: last) }
                    return true
                  }
                }, ended: { changed.raise() })
            }
          }
          for name in waiting.withLock({ $0.names }) {
            guard let installation = lanes[name] else { continue }
            _ = works.begin(
              name, in: &tasks,
              {
                let requests = waiting.withLock { $0.take(name) }
                let isDone = await attempt(failures) { try await serve(requests, for: installation) }
                waiting.withLock { $0.ended(name, isDone: isDone) }
              }, ended: { changed.raise() })
          }
          failures.succeeded()
        } catch {
          if !Task.isCancelled { failures.failed(error) }
        }
        await changed.wait(after: seen, until: coordinator.clock.now.advanced(by: Self.sweep), on: coordinator.clock)
      }
    }
  }

  /// Returns whether all is done. Backs off where it is not.
  private func attempt(_ failures: FailureLog<String>, _ body: () async throws -> Bool) async -> Bool {
    do {
      if try await body() { return true }
    } catch {
      guard !Task.isCancelled else { return false }
      failures.failed(error)
    }
    // What can't be done now, as before the next incarnation of a lane has begun, is not tried again at once.
    await coordinator.pause(for: coordinator.settings.retry.base)
    return false
  }

  private func restorer(for installation: InstallationID) async -> SessionRestorer {
    let settings = await coordinator.settings
    return SessionRestorer(
      ledger: services.ledger, store: services.store, lanes: settings.lanes, installation: installation,
      messages: settings.functions.hotMessages)
  }

  private func note(_ outcomes: some Sequence<(String, RestoreOutcome?)>, since start: ContinuousClock.Instant) {
    let restored = outcomes.count { if case .restored = $0.1 { true } else { false } }
    metrics.sessionsRestored(restored, start.duration(to: coordinator.clock.now))
    for case (let session, .refused(let error)?) in outcomes {
      logger.log(.restoreRefused, [.session: "\(session)", .reason: "\(error)"])
    }
  }

  /// Restores the sessions that were evicted, of which the ledger has everything whatever their lane still holds. Returns the other requests,
  /// and the last one of all.
  private func serveEvicted(
    _ all: LaneRequests, now: UInt64, for installation: InstallationID
  ) async throws -> (rest: LaneRequests, last: EntryID) {
    var requests = all
    let expired = requests.removeExpired(now: now)
    let start = coordinator.clock.now
    let sessions = requests.restores
    let outcomes = Array(zip(sessions, try await restorer(for: installation).restore(sessions, onlyEvicted: true)))
    note(outcomes, since: start)
    // Whether a session that is there began anew is asked again with the others.
    let (rest, done) = requests.without(outcomes.filter { ![nil, .alreadyHot, .changedMeanwhile].contains($0.1) }.map(\.0))
    try await services.store.removeRequests(expired + done, of: requests.lane)
    return (rest, all.entries.last?.id ?? .zero)
  }

  /// Serves requests once the ledger has what their lane still holds. Returns whether all are done.
  private func serve(_ requests: LaneRequests, for installation: InstallationID) async throws -> Bool {
    let start = coordinator.clock.now
    let sessions = requests.restores
    if let needed = sessions.isEmpty ? requests.lastForked : .max {
      guard try await waitForCommits(of: requests.lane, through: needed) else { return false }
    }
    let outcomes = Array(zip(sessions, try await restorer(for: installation).restore(sessions, createsUnknown: true)))
    note(outcomes, since: start)
    for entry in requests.entries { try await fork(entry.request) }
    // A session that changed meanwhile is tried again.
    let again = requests.without(outcomes.filter { $0.1 == .changedMeanwhile }.map(\.0))
    try await services.store.removeRequests(again.rest.entries.map(\.id), of: requests.lane)
    return again.done.isEmpty
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
