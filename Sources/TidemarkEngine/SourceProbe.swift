internal import TidemarkCore

/// Asks Redis whether it can be reached, where no read tells.
struct SourceProbe: Sendable {
  let source: any LaneSource
  let coordinator: LaneCoordinator

  /// Tells the coordinator. What refuses us has been reached.
  func run() async {
    guard let name = await coordinator.settings.laneNames.first else { return }
    do {
      _ = try await source.inspect([name])
      await coordinator.redis(failed: nil)
    } catch is CancellationError {
      return
    } catch {
      let isAway = (error as? SourceError)?.isRetryable ?? true
      await coordinator.redis(failed: isAway ? "\(error)" : nil, isAway: isAway)
    }
  }

  /// The same, for as long as `patience` at most.
  func run(within patience: Duration) async {
    await withTaskGroup { group in
      group.addTask { await run() }
      group.addTask { try? await Task.sleep(for: patience) }
      await group.next()
      group.cancelAll()
    }
  }
}
