internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Listens for the doorbell of a server as long as it holds more lanes than one read names. What it hears makes lanes due; while it hears
/// nothing, the sweep of ``ReadPlan`` finds what comes, later.
struct DoorbellListener: Sendable {
  let server: LaneServer
  let source: any StreamDoorbell
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled, or until the server is forgotten.
  func run() async {
    var prefixes: [String]?
    while !Task.isCancelled {
      let current = prefixes
      let next = await withTaskGroup(of: [String]?.self) { group in
        if let current { group.addTask { await listen(to: current) } }
        group.addTask { await coordinator.doorbell(at: server, otherThan: current) }
        defer { group.cancelAll() }
        return await group.next() ?? nil
      }
      await coordinator.perform { state, _ in state.doorbellLost(at: server) }
      prefixes = next
      guard await coordinator.servers.contains(server) else { return }
      if next == nil, await coordinator.isDraining { return }
    }
  }

  /// Until cancelled.
  private func listen(to prefixes: [String]) async -> [String]? {
    var backoff = Backoff()
    let failures = FailureLog<String>(failing: .doorbellUnheard, recovered: .doorbellHeard, clock: coordinator.clock, logger: logger)
    while !Task.isCancelled {
      do {
        let changed = try await source.changedLanes(prefixes, on: server)
        await coordinator.perform { state, _ in state.noteChanges(changed, on: server) }
        failures.succeeded(server.metadata)
        backoff.succeeded()
      } catch is CancellationError {
        break
      } catch {
        await coordinator.perform { state, _ in state.doorbellLost(at: server) }
        let retry = await coordinator.settings.retry
        let isRefused = (error as? SourceError).map { !$0.isRetryable } ?? false
        failures.failed(
          "\(error)", server.metadata.merging([.effect: "changes are found by a sweep, within about a second"]) { $1 })
        // What somebody must grant is granted seldom.
        await coordinator.pause(for: isRefused ? retry.cap : backoff.next(retry, random: coordinator.clock.random()))
      }
    }
    return nil
  }
}
