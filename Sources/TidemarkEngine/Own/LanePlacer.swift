internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Follows lanes from server to server: a slot of a Cluster that moves, a replica that becomes the master.
struct LanePlacer: Sendable {
  let source: any LanePlacement
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let logger: Logger

  /// Until cancelled. A change that could not be followed at once is not forgotten.
  func run() async {
    var backoff = Backoff()
    var isPending = false
    let failures = FailureLog<String>(
      failing: .redisArrangementUnknown, recovered: .redisArrangementKnown, clock: coordinator.clock, logger: logger)
    while !Task.isCancelled {
      do {
        if !isPending { try await source.rearranged() }
        isPending = true
        try await place()
        isPending = false
        backoff.succeeded()
        failures.succeeded()
      } catch is CancellationError {
        return
      } catch {
        failures.failed("\(error)" as String)
        let wait = await backoff.next(coordinator.settings.retry, random: coordinator.clock.random())
        await coordinator.pause(for: wait)
      }
    }
  }

  private func place() async throws {
    let lanes = await coordinator.laneNames
    guard !lanes.isEmpty else { return }
    let servers = try await source.servers(of: lanes)
    await coordinator.perform { state, _ in state.rearranged(lanes, at: servers) }
    // Marks that waited at the old server wait at the new one now.
    publisher.serversChanged()
    logger.log(.redisRearranged, [.servers: "\(Set(servers).map(\.name).sorted().joined(separator: ","))"])
  }
}
