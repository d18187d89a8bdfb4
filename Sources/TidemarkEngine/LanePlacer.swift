internal import Logging
internal import TidemarkCore

/// Follows lanes from server to server: a slot of a Cluster that moves, a replica that becomes the master.
struct LanePlacer: Sendable {
  let source: any LaneSource
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    var lastWait: Duration?
    while !Task.isCancelled {
      do {
        try await source.rearranged()
        let lanes = await coordinator.laneNames
        let servers = try await source.servers(of: lanes)
        await coordinator.place(Array(zip(lanes, servers).map { (lane: $0, server: $1) }))
        if !lanes.isEmpty {
          logger.info("redis.rearranged", metadata: ["servers": "\(Set(servers).map(\.name).sorted().joined(separator: ","))"])
        }
        lastWait = nil
      } catch is CancellationError {
        return
      } catch {
        if lastWait == nil { logger.warning("redis.arrangement.unknown", metadata: ["reason": "\(error)"]) }
        let wait = await coordinator.settings.retry.wait(after: lastWait, random: .random(in: 0..<1))
        lastWait = wait
        await coordinator.pause(for: wait)
      }
    }
  }
}
