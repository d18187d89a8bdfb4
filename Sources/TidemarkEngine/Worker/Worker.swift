package import Logging
internal import ServiceLifecycle
package import TidemarkCore
internal import TidemarkLog

/// The replicator: owns lanes, reads them, commits their changes, tells agents what is durable.
///
/// ``run()`` owns every task. A graceful shutdown stops reading, commits what was read, publishes, and gives the leases back;
/// cancelling stops at once, and what was not committed is read again from Redis by whoever comes next.
package struct Worker: Service {
  /// How long a graceful shutdown waits for a server that is away before it leaves the rest to the next worker.
  static let drainDeadline = Duration.seconds(20)
  /// Lanes whose counters exist from the start, at most.
  static let countedLanes = 200
  /// How long it waits of that for a Postgres that can't be reached.
  static let outagePatience = Duration.seconds(2)
  /// How long the last words may take: marks, checkpoints, leases.
  static let farewellDeadline = Duration.seconds(5)

  package let coordinator: LaneCoordinator
  private let identity: WorkerIdentity
  private let source: any LaneSource
  private let sink: any ChangeSink
  private let routes: RouteTable
  private let metrics: EngineMetrics
  private let claim: @Sendable (Bool) async throws -> Void
  private let functions: @Sendable () async throws -> [String]
  private let hot: HotServices?
  private let snapshots: (any SnapshotLedger)?
  private let seals: SealServices?
  private let reconciliation: ReconciliationServices?
  private let tuned: (any TunedSettings)?
  private let stateCheck: StateCheckServices?
  private let logger: Logger

  /// - Parameters:
  ///   - claim: compares the installation's ids in both servers, and claims a Redis that bears none; throws ``ClaimRefused`` where they don't
  ///     belong together. Its argument: marks were found that bear another id than the ledger's.
  ///   - functions: installs the function library where a server lacks it, and returns the addresses of these servers.
  ///   - hot: serves the hot state of sessions; nil: no requests are served, and nothing is evicted.
  ///   - snapshots: takes snapshots of sessions that changed; nil: only changes get snapshots, each in its own transaction.
  ///   - seals: seals changes; nil: nothing is sealed.
  ///   - reconciliation: compares the lanes with Postgres; nil: nothing is compared.
  ///   - tuned: computes the settings from what operators tuned; nil: they can't be tuned.
  ///   - stateCheck: checks the state of sessions, in Redis and in the tables; nil: it is not checked.
  package init(
    identity: WorkerIdentity, settings: WorkerSettings, source: any LaneSource, sink: any ChangeSink, routes: RouteTable,
    metrics: EngineMetrics, claim: @escaping @Sendable (Bool) async throws -> Void = { _ in },
    functions: @escaping @Sendable () async throws -> [String] = { [] }, hot: HotServices? = nil,
    snapshots: (any SnapshotLedger)? = nil, seals: SealServices? = nil, reconciliation: ReconciliationServices? = nil,
    stateCheck: StateCheckServices? = nil, tuned: (any TunedSettings)? = nil, clock: any WorkerClock = SystemClock(), logger: Logger
  ) {
    self.identity = identity
    self.source = source
    self.sink = sink
    self.routes = routes
    self.metrics = metrics
    self.claim = claim
    self.functions = functions
    self.hot = hot
    self.snapshots = snapshots
    self.seals = seals
    self.reconciliation = reconciliation
    self.tuned = tuned
    self.stateCheck = stateCheck
    self.logger = logger
    coordinator = LaneCoordinator(settings: settings, blockingLanes: source.blockingLanes, clock: clock, logger: logger)
  }

  /// Puts the items of `lanes` in effect that never were, so that where reading begins is decided for the streams that are there by now, and not for
  /// those that appear once the worker is said to have started. Where a server does not answer, ``run()`` does it later.
  package func prepare() async {
    let inspector = LaneInspector(source: source, refusals: LaneRefusals(clock: coordinator.clock, logger: logger))
    let claimWatch = ClaimWatch(claim: claim, functions: functions, coordinator: coordinator, logger: logger)
    _ = await discovery(inspector, claimWatch).find(coordinator.settings)
  }

  /// Applies what operators tuned, so that the worker serves with these settings from the start. Throws ``SinkError``.
  package func followTuning() async throws { try await tuning?.follow() }

  private var tuning: TuningWatch? { tuned.map { TuningWatch(sink: sink, settings: $0, coordinator: coordinator) } }

  private func discovery(_ inspector: LaneInspector, _ claimWatch: ClaimWatch) -> LaneDiscovery {
    LaneDiscovery(
      source: source, sink: sink, worker: identity, coordinator: coordinator, inspector: inspector, claim: claimWatch, logger: logger)
  }

  package func run() async throws {
    // Of very many lanes each gets its counters when there is something to count.
    let labels = Set(await coordinator.settings.lanes.namesAndPatterns)
    if labels.count <= Self.countedLanes { metrics.begin(labels) }
    let inspector = LaneInspector(source: source, refusals: LaneRefusals(clock: coordinator.clock, logger: logger))
    let publisher = MarkPublisher(source: source, inspector: inspector, coordinator: coordinator, logger: logger)
    let reports = CommitReports(clock: coordinator.clock, logger: logger)
    let observer = LaneObserver(
      source: source, sink: sink, inspector: inspector, worker: identity, coordinator: coordinator, publisher: publisher,
      metrics: metrics, reports: reports, logger: logger)
    let verification = OwnershipCheck(
      source: source, sink: sink, inspector: inspector, coordinator: coordinator, metrics: metrics, logger: logger)
    let claimWatch = ClaimWatch(claim: claim, functions: functions, coordinator: coordinator, logger: logger)
    let ledger = LedgerWatch(sink: sink, coordinator: coordinator, publisher: publisher, metrics: metrics, logger: logger)
    let ownership = LaneOwnership(
      source: source, sink: sink, worker: identity, coordinator: coordinator, publisher: publisher, ledger: ledger,
      verification: verification, discovery: discovery(inspector, claimWatch), claim: claimWatch, logger: logger)
    let leases = LeaseKeeper(source: source, sink: sink, worker: identity, coordinator: coordinator, metrics: metrics, logger: logger)
    let listener = LeaseListener(news: try sink.makeLeaseNews(), coordinator: coordinator, logger: logger)
    let trimmer = LaneTrimmer(
      source: source, ledger: ledger, inspector: inspector, coordinator: coordinator, metrics: metrics, logger: logger)
    let retention = RetentionSweeper(source: source, sink: sink, coordinator: coordinator, metrics: metrics, logger: logger)
    let placer = LanePlacer(source: source, coordinator: coordinator, publisher: publisher, logger: logger)
    let committers = try await (0..<coordinator.settings.writers).map { _ in
      BatchCommitter(
        writer: try sink.makeWriter(), routes: routes, coordinator: coordinator, publisher: publisher, metrics: metrics,
        reports: reports, logger: logger)
    }
    let controls = LaneControlWatch(sink: sink, tuning: tuning, coordinator: coordinator, logger: logger)

    await withGracefulShutdownHandler {
      // What serves the flow ends with it.
      await withTaskGroup { background in
        background.addTask { await leases.run() }
        background.addTask { await listener.run() }
        background.addTask { await claimWatch.run() }
        background.addTask { await ownership.run() }
        background.addTask { await observer.run() }
        background.addTask { await publisher.run() }
        background.addTask {
          await coordinator.forEachServer { server in
            await DoorbellListener(server: server, source: source, coordinator: coordinator, logger: logger).run()
          }
        }
        background.addTask { await placer.run() }
        background.addTask { await trimmer.run() }
        background.addTask { await retention.run() }
        background.addTask { await ledger.run() }
        background.addTask { await controls.run() }
        if let snapshots {
          background.addTask {
            await SnapshotTaker(ledger: snapshots, coordinator: coordinator, metrics: metrics, logger: logger).run()
          }
        }
        if let seals {
          background.addTask { await LaneSealer(services: seals, coordinator: coordinator, logger: logger).run() }
        }
        if let reconciliation {
          background.addTask {
            await LaneReconciler(
              services: reconciliation, routes: routes, coordinator: coordinator, metrics: metrics, logger: logger
            ).run()
          }
        }
        if let stateCheck {
          background.addTask {
            await StateChecker(services: stateCheck, coordinator: coordinator, metrics: metrics, logger: logger).run()
          }
        }
        if let hot {
          background.addTask {
            await RequestServer(services: hot, coordinator: coordinator, metrics: metrics, logger: logger).run()
          }
          background.addTask {
            await SessionEvictor(services: hot, coordinator: coordinator, metrics: metrics, logger: logger).run()
          }
        }
        await flow(inspector, publisher, committers)
        background.cancelAll()
      }
    } onGracefulShutdown: { [coordinator] in
      Task { await coordinator.perform { $0.beginDrain(now: $1.now) } }
    }
    await finish(publisher, observer)
  }

  /// Reads and commits until everything that was read is committed, or until a drain takes too long.
  private func flow(_ inspector: LaneInspector, _ publisher: MarkPublisher, _ committers: [BatchCommitter]) async {
    await withTaskGroup { group in
      group.addTask {
        await withTaskGroup { tasks in
          tasks.addTask {
            await coordinator.forEachServer { server in
              let reader = LaneReader(
                server: server, source: source, coordinator: coordinator, inspector: inspector, publisher: publisher, metrics: metrics,
                logger: logger)
              await withTaskExecutorPreference(source.readers) { await reader.run() }
            }
          }
          for committer in committers { tasks.addTask(executorPreference: committer.writer.callers) { await committer.run() } }
        }
      }
      group.addTask { [coordinator] in
        await coordinator.drainIsOver(deadline: Self.drainDeadline, patience: Self.outagePatience)
      }
      await group.next()
      group.cancelAll()
    }
  }

  private func finish(_ publisher: MarkPublisher, _ observer: LaneObserver) async {
    guard !Task.isCancelled else { return }
    let isReleased = await withTaskGroup(of: Bool.self) { group in
      group.addTask { await sayFarewell(publisher, observer) }
      group.addTask {
        try? await coordinator.clock.sleep(for: Self.farewellDeadline)
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? false
    }
    logger.log(.workerStopped, [.leases: isReleased ? "released" : "kept until they expire"])
  }

  /// Publishes, notes and gives back what is left. False where the leases could not be given back.
  private func sayFarewell(_ publisher: MarkPublisher, _ observer: LaneObserver) async -> Bool {
    // Once more where a server had closed an idle connection meanwhile.
    if await !publisher.flush(.all), await !publisher.flush(.all) {
      logger.log(
        .marksUnpublished,
        [
          .reason: "\(publisher.lastFailure ?? "")", .lanes: .number(publisher.waitingLanes.count),
          .effect: "the next owner of the lanes publishes them",
        ])
    }
    await observer.finish()
    do {
      try await sink.leave(identity)
      return true
    } catch {
      if !Task.isCancelled { logger.log(.leasesKept, [.reason: "\(error)", .until: "they expire"]) }
      return false
    }
  }
}
