internal import Logging
internal import Synchronization
internal import TidemarkCore

/// Tells agents what is durable, after the commit and never before. Marks of one lane that wait together become one.
final class MarkPublisher: Sendable {
  /// How long a mark waits whose lane does not look like what was read, until it is looked at again. The reader finds out within a second.
  private static let hold = Duration.seconds(1)
  /// The same of a lane whose marks Redis refuses, for what the key of them is: somebody must change that.
  private static let refusedHold = Duration.seconds(10)

  private let pending = Mutex<[String: PendingMark]>([:])
  private let changed = ChangeSignal()
  /// Marks may wait that no loop of their lane's server tells: another server takes them, or that one holds no lane of ours.
  private let strayed = ChangeSignal()
  private let source: any LanePlacement & MarkStore
  private let coordinator: LaneCoordinator
  private let trust: MarkTrust
  private let refusals: LaneRefusals
  private let failures: FailureLog<String>
  private let failure = Mutex<String?>(nil)
  private let logger: Logger

  init(source: any LanePlacement & MarkStore, trust: MarkTrust, coordinator: LaneCoordinator, refusals: LaneRefusals, logger: Logger) {
    self.source = source
    self.trust = trust
    self.coordinator = coordinator
    self.refusals = refusals
    failures = FailureLog(failing: "marks.waiting", recovered: "marks.current", clock: coordinator.clock, logger: logger)
    self.logger = logger
  }

  func publish(_ marks: [PendingMark]) {
    add(marks)
    changed.raise()
    if marks.contains(where: \.isGone) { strayed.raise() }
  }

  private func add(_ marks: [PendingMark]) {
    pending.withLock { pending in
      for mark in marks { pending[mark.record.name] = pending[mark.record.name].map { $0.followed(by: mark) } ?? mark }
    }
  }

  /// Marks of these lanes that were not told yet are not true any more.
  func withdraw(_ lanes: Set<String>) {
    pending.withLock { pending in
      for lane in lanes { pending[lane] = nil }
    }
  }

  /// Lanes whose marks wait.
  var waitingLanes: Set<String> { pending.withLock { Set($0.keys) } }

  /// Why marks could not be published at the last try; nil where they could.
  var lastFailure: String? { failure.withLock { $0 } }

  /// Another server may be the one to be told now.
  func serversChanged() {
    trust.forget()
    changed.raise()
  }

  /// Until cancelled; ``flush(_:)`` sends what is left. A server that does not answer keeps no other's marks waiting.
  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await self.run(.strays) }
      await coordinator.forEachServer { [self] server in
        await withTaskExecutorPreference(source.publishers) { await run(.server(server)) }
      }
      group.cancelAll()
    }
  }

  /// Which marks are sent.
  enum Portion: Equatable {
    /// Of the lanes of a server that takes their marks itself.
    case server(LaneServer)
    /// Those that another server takes, and those of lanes at servers that hold none of ours.
    case strays
    case all
  }

  /// Where a lane is, and who takes its mark.
  private struct Route: Hashable {
    var lane: LaneServer
    var taker: LaneServer
    var isStray: Bool { lane != taker }

    /// - Parameter served: the servers that hold lanes of ours.
    func belongs(to portion: Portion, _ served: Set<LaneServer>) -> Bool {
      switch portion {
      case .server(let server): lane == server && !isStray
      case .strays: isStray || !served.contains(lane)
      case .all: true
      }
    }
  }

  private func run(_ portion: Portion) async {
    let signal = portion == .strays ? strayed : changed
    defer { if portion != .strays { strayed.raise() } }
    var lastWait: Duration?
    while !Task.isCancelled, await isServed(portion) {
      let (seen, now) = (signal.generation, coordinator.clock.now)
      if await flush(portion, now: now) {
        lastWait = nil
        // Those whose time had come before are not of this portion.
        if let until = pending.withLock({ $0.values.compactMap(\.heldUntil).filter { $0 > now }.min() }) {
          await signal.wait(after: seen, until: until, on: coordinator.clock)
        } else {
          await signal.wait(after: seen)
        }
      } else {
        let wait = await coordinator.settings.retry.wait(after: lastWait, random: coordinator.clock.random())
        lastWait = wait
        try? await coordinator.clock.sleep(for: wait)
      }
    }
  }

  private func isServed(_ portion: Portion) async -> Bool {
    if case .server(let server) = portion { await coordinator.knows(server) } else { true }
  }

  /// Sends what waits. False where a server did not take it; it waits on.
  func flush(_ portion: Portion, now: ContinuousClock.Instant? = nil) async -> Bool {
    let now = now ?? coordinator.clock.now
    let lanes = pending.withLock { pending in
      pending.values.filter { portion == .all || $0.heldUntil.map { $0 <= now } ?? true }.map(\.record.name)
    }
    guard !lanes.isEmpty else { return true }
    do {
      let servers = try await source.servers(of: lanes)
      let routes = zip(servers, try await source.markServers(of: lanes)).map { Route(lane: $0, taker: $1) }
      if case .server(let server) = portion, routes.contains(where: { $0.lane == server && $0.isStray }) { strayed.raise() }
      let served = await coordinator.servers
      let chosen = Dictionary(grouping: zip(lanes, routes).filter { $0.1.belongs(to: portion, served) }, by: \.1)
      try await chosen.forEachAtOnce { [self] route, lanes in try await publish(lanes.map(\.0), by: route) }
      failures.succeeded()
      await note(failure: nil)
      return true
    } catch {
      await note(failure: "\(error)")
      if !Task.isCancelled { failures.failed(error) }
      return false
    }
  }

  private func note(failure reason: String?) async {
    let isNews = failure.withLock { known in
      defer { known = reason }
      return known != reason
    }
    if isNews { await coordinator.publishingFailed(reason) }
  }

  private func publish(_ lanes: [String], by route: Route) async throws {
    var marks = pending.withLock { pending in lanes.compactMap { pending.removeValue(forKey: $0) } }
    do {
      if let known = trust.known(at: route.lane) {
        try await tell(marks.filter { known.lanes.contains($0.record.name) }, by: route, over: known.connection)
        marks.removeAll { known.lanes.contains($0.record.name) }
      }
      guard !marks.isEmpty else { return }
      let (connection, verdicts) = try await trust.survey(marks, on: route.lane)
      let held = marks.filter { verdicts[$0.record.name] == .withhold }
      marks.removeAll { verdicts[$0.record.name] != .tell }
      let until = coordinator.clock.now.advanced(by: Self.hold)
      add(held.map { $0.held(until: until) })
      try await tell(marks, by: route, over: connection)
    } catch {
      add(marks)
      // Their lanes may be at another server by now, which has looked in vain.
      changed.raise()
      throw error
    }
  }

  private func tell(_ marks: [PendingMark], by route: Route, over connection: WriteConnection?) async throws {
    guard !marks.isEmpty else { return }
    let refused = try await source.publish(marks.map(\.mark), over: route.isStray ? nil : connection)
    let outdated = refused.compactMapValues { if case .outdated(let known) = $0.kind { known } else { Int64?.none } }
    let blocked = refused.filter { outdated[$0.key] == nil }
    for (lane, error) in blocked { refusals.note(error, of: lane, .publish) }
    refusals.clear(marks.lazy.map(\.record.name).filter { blocked[$0] == nil }, .publish)
    if !blocked.isEmpty {
      // Marks of another installation's lanes are dropped: a lane that comes back begins with its mark.
      let foreign = await coordinator.refused(blocked)
      let until = coordinator.clock.now.advanced(by: Self.refusedHold)
      add(marks.filter { blocked[$0.record.name] != nil && !foreign.contains($0.record.name) }.map { $0.held(until: until) })
    }
    if !outdated.isEmpty { await release(marks.map(\.record).filter { outdated[$0.name] != nil }, outdated) }
  }

  /// Lanes of which agents know a later incarnation than the ledger's.
  private func release(_ records: [LaneRecord], _ known: [String: Int64]) async {
    for record in await coordinator.markRefused(records) {
      logger.error(
        "mark.refused",
        metadata: [
          "lane": "\(record.name)", "incarnation": .number(record.incarnation), "known": .number(known[record.name] ?? 0),
          "reason": "Redis was told of a later incarnation than the ledger's: Postgres went back behind it",
          "effect": "the lane is taken up again under a later incarnation",
        ])
    }
  }
}
