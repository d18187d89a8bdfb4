internal import Logging
internal import Synchronization
internal import TidemarkCore
internal import TidemarkLog

/// Tells agents what is durable, after the commit and never before. Marks of one lane that wait together become one.
final class MarkPublisher: Sendable {
  /// How long a mark waits whose lane does not look like what was read, until it is looked at again. The reader finds out within a second.
  private static let hold = Duration.seconds(1)
  /// The same of a lane whose marks Redis refuses, for what the key of them is: somebody must change that.
  private static let refusedHold = Duration.seconds(10)

  private let pending = Mutex(PendingMarks())
  private let changed = ChangeSignal()
  /// Raised when marks may wait that no server's task sends: another server takes them, or that server holds no owned lane.
  private let strayed = ChangeSignal()
  private let source: any LanePlacement & MarkStore
  private let inspector: LaneInspector
  private let coordinator: LaneCoordinator
  private let failures: FailureLog<String>
  private let failure = Mutex<String?>(nil)
  private let logger: Logger

  init(source: any LanePlacement & MarkStore, inspector: LaneInspector, coordinator: LaneCoordinator, logger: Logger) {
    self.source = source
    self.inspector = inspector
    self.coordinator = coordinator
    failures = FailureLog(failing: .marksWaiting, recovered: .marksCurrent, clock: coordinator.clock, logger: logger)
    self.logger = logger
  }

  func publish(_ marks: [PendingMark]) {
    add(marks)
    changed.raise()
    if marks.contains(where: \.isGone) { strayed.raise() }
  }

  private func add(_ marks: [PendingMark]) { pending.withLock { $0.add(marks) } }

  /// Removes the marks of these lanes that are not published yet, because they are not true any more.
  func withdraw(_ lanes: Set<String>) { pending.withLock { $0.withdraw(lanes) } }

  /// Removes the marks of all lanes that are not published yet.
  func withdrawAll() { pending.withLock { $0.withdrawAll() } }

  /// The lanes whose marks wait.
  var waitingLanes: Set<String> { pending.withLock { $0.lanes } }

  /// Why marks could not be published at the last try; nil where they could.
  var lastFailure: String? { failure.withLock { $0 } }

  /// Looks again at marks that waited: their lanes may be at another server by now.
  func serversChanged() { changed.raise() }

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

  private func run(_ portion: PendingMarks.Portion) async {
    let signal = portion == .strays ? strayed : changed
    defer { if portion != .strays { strayed.raise() } }
    var backoff = Backoff()
    while !Task.isCancelled, await isServed(portion) {
      let (seen, now) = (signal.generation, coordinator.clock.now)
      if await flush(portion, now: now) {
        backoff.succeeded()
        // Those whose time had come before are not of this portion.
        if let until = pending.withLock({ $0.nextDue(after: now) }) {
          await signal.wait(after: seen, until: until, on: coordinator.clock)
        } else {
          await signal.wait(after: seen)
        }
      } else {
        let wait = await backoff.next(coordinator.settings.retry, random: coordinator.clock.random())
        try? await coordinator.clock.sleep(for: wait)
      }
    }
  }

  private func isServed(_ portion: PendingMarks.Portion) async -> Bool {
    if case .server(let server) = portion { await coordinator.servers.contains(server) } else { true }
  }

  /// Sends what waits. False where a server did not take it; it waits on.
  func flush(_ portion: PendingMarks.Portion, now: ContinuousClock.Instant? = nil) async -> Bool {
    let now = now ?? coordinator.clock.now
    let lanes = pending.withLock { $0.due(portion, now: now) }
    guard !lanes.isEmpty else { return true }
    do {
      let servers = try await source.servers(of: lanes)
      let routes = zip(servers, try await source.markServers(of: lanes)).map { PendingMarks.Route(lane: $0, taker: $1) }
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

  private func giveBack(_ unsent: [PendingMark], of taken: PendingMarks.Taken) {
    guard !unsent.isEmpty else { return }
    pending.withLock { $0.giveBack(unsent, of: taken) }
    // The lanes may be another task's by the time that their marks are due, and that task must know the time.
    changed.raise()
  }

  private func note(failure reason: String?) async {
    let isNews = failure.withLock { known in
      defer { known = reason }
      return known != reason
    }
    if isNews { await coordinator.perform { state, _ in state.publishingFailed(reason) } }
  }

  private func publish(_ lanes: [String], by route: PendingMarks.Route) async throws {
    let taken = pending.withLock { $0.take(lanes) }
    var marks = taken.marks
    do {
      let connection = source.writeConnection(to: route.lane)
      let trusted = await coordinator.perform { state, _ in state.trusted(lanes, over: connection) }
      if !trusted.isEmpty {
        let lost = try await publish(marks.filter { trusted.contains($0.record.name) }, by: route, over: connection, of: taken)
        marks.removeAll { trusted.contains($0.record.name) && !lost.contains($0.record.name) }
      }
      guard !marks.isEmpty else { return }
      let (surveyed, verdicts) = try await survey(marks.map(\.record), on: route.lane)
      let held = marks.filter { verdicts[$0.record.name] == .withhold }
      marks.removeAll { verdicts[$0.record.name] != .publish }
      let until = coordinator.clock.now.advanced(by: Self.hold)
      giveBack(held.map { $0.held(until: until) }, of: taken)
      _ = try await publish(marks, by: route, over: surveyed, of: taken, isSurveyed: true)
    } catch {
      giveBack(marks, of: taken)
      throw error
    }
  }

  /// Compares lanes of one server with their streams, over the connection that will carry their marks.
  private func survey(
    _ records: [LaneRecord], on server: LaneServer
  ) async throws -> (connection: WriteConnection?, verdicts: [String: MarkVerdict]) {
    let survey = await coordinator.perform { state, _ in state.survey(records) }
    var (connection, comparisons): (WriteConnection?, [StreamComparison]) = (nil, [])
    if !survey.checks.isEmpty {
      let (found, inspection) = try await inspector.survey(survey.checks, on: server, mayBeDeferred: false)
      (connection, comparisons) = (found, inspection.comparisons)
    }
    let (carrier, found) = (connection, comparisons)
    guard let verdicts = await coordinator.perform({ state, _ in state.surveyed(survey, found, over: carrier) }) else {
      throw SourceError(.moved, "streams turned out to be replaced while they were compared")
    }
    return (connection, verdicts)
  }

  /// Returns the lanes whose marks were refused because Redis has lost the earlier ones. They are still to be published.
  private func publish(
    _ marks: [PendingMark], by route: PendingMarks.Route, over connection: WriteConnection?, of taken: PendingMarks.Taken,
    isSurveyed: Bool = false
  ) async throws -> Set<String> {
    guard !marks.isEmpty else { return [] }
    var refused = try await source.publish(marks.map { $0.mark(isSurveyed: isSurveyed) }, over: route.isStray ? nil : connection)
    let lost = Set(refused.filter { $0.value.kind == .unmarked }.keys)
    refused = refused.filter { !lost.contains($0.key) }
    let outdated = refused.compactMapValues { if case .outdated(let known) = $0.kind { known } else { Int64?.none } }
    let blocked = refused.filter { outdated[$0.key] == nil }
    for (lane, error) in blocked { inspector.refusals.note(error, of: lane, .publish) }
    inspector.refusals.clear(marks.lazy.map(\.record.name).filter { blocked[$0] == nil }, .publish)
    if !blocked.isEmpty {
      let dropped = await coordinator.perform { $0.refused(blocked, now: $1.now) }
      let now = coordinator.clock.now
      giveBack(
        marks.compactMap { mark in
          guard let error = blocked[mark.record.name], !dropped.contains(mark.record.name) else { return nil }
          // Another installation's id is replaced by itself, as soon as the claim was compared.
          let isForeign = error.kind == .otherInstallation(mark.record.name)
          return mark.held(until: now.advanced(by: isForeign ? Self.hold : Self.refusedHold))
        }, of: taken)
    }
    if !outdated.isEmpty { await release(marks.map(\.record).filter { outdated[$0.name] != nil }, outdated) }
    return lost
  }

  /// Lanes of which agents know a later incarnation than the ledger's.
  private func release(_ records: [LaneRecord], _ known: [String: Int64]) async {
    for record in await coordinator.perform({ state, _ in state.markRefused(records) }) {
      logger.log(
        .markRefused,
        [
          .lane: "\(record.name)", .incarnation: .number(record.incarnation), .known: .number(known[record.name] ?? 0),
          .reason: "Redis was told of a later incarnation than the ledger's: Postgres went back behind it",
          .effect: "the lane is taken up again under a later incarnation",
        ])
    }
  }
}
