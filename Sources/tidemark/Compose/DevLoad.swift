import ServiceLifecycle
import TidemarkAdmin
import TidemarkCore
import TidemarkEngine

/// The service of `dev` that runs the sample agents. When their time is over, it waits until all their changes are committed.
struct DevLoad: Service {
  /// The agents; nil if no agents are wanted.
  let agents: SampleAgents?
  /// The time for which agents write, or for which `dev` runs without agents; nil runs until stopped.
  let duration: Duration?
  let source: any StreamInspector
  let lanes: BuiltInLanes
  let coordinator: LaneCoordinator

  func run() async throws {
    guard agents != nil || duration != nil else { return try await gracefulShutdown() }
    try await cancelWhenGracefulShutdown {
      try await agents?.run()
      // A shutdown ends the sleep early.
      if agents == nil, let duration { try? await Task.sleep(for: duration) }
      guard !Task.isCancelled else { return }
      let last = try await source.inspect(lanes.names.map { ExpectedStream(asking: $0) })
      let ends = Dictionary(uniqueKeysWithValues: zip(lanes.names, last).map { ($0, $1.observed?.stream?.lastGeneratedID) })
      let goals = await coordinator.perform { state, _ in state.commitGoals(ends) }
      _ = await coordinator.reaches(goals)
    }
  }
}
