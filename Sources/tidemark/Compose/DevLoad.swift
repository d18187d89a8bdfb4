import ServiceLifecycle
import TidemarkAdmin
import TidemarkCore
import TidemarkEngine

/// The sample agents of `dev`, and the end of it: when their time is over, everything they wrote is waited for.
struct DevLoad: Service {
  /// Nil where none are wanted.
  let agents: SampleAgents?
  /// How long agents write, or how long nothing happens; nil until stopped.
  let duration: Duration?
  let source: any LaneSource
  let lanes: BuiltInLanes
  let coordinator: LaneCoordinator

  func run() async throws {
    guard agents != nil || duration != nil else { return try await gracefulShutdown() }
    try await cancelWhenGracefulShutdown {
      try await agents?.run()
      // A shutdown ends it before its time.
      if agents == nil, let duration { try? await Task.sleep(for: duration) }
      guard !Task.isCancelled else { return }
      let last = try await source.inspect(lanes.names.map { ExpectedStream(asking: $0) })
      await coordinator.caughtUp(
        with: Dictionary(
          uniqueKeysWithValues: zip(lanes.names, last).compactMap { name, seen in
            seen.observed?.stream.map { (name, $0.lastGeneratedID) }
          }))
    }
  }
}
