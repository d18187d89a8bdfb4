internal import TidemarkCore

/// Asks Redis whether it can be reached, where no read tells.
struct SourceProbe: Sendable {
  let source: any LanePlacement & StreamInspector
  let coordinator: LaneCoordinator

  /// Tells the coordinator. What refuses us has been reached.
  func run() async {
    guard let name = await coordinator.settings.lanes.namesAndPatterns.first else { return }
    var server = LaneServer.only
    do {
      server = try await source.servers(of: [name]).first ?? server
      _ = try await source.inspect([ExpectedStream(asking: name)])
      await probed(server, failed: nil)
    } catch is CancellationError {
      return
    } catch {
      let isAway = (error as? SourceError)?.isRetryable ?? true
      await probed(server, failed: isAway ? "\(error)" : nil)
    }
  }

  private func probed(_ server: LaneServer, failed failure: String?) async {
    await coordinator.perform { $0.probed(server, failed: failure, isAway: failure != nil, now: $1.now) }
  }

  /// The same, for as long as `patience` at most.
  func run(within patience: Duration) async {
    await withTaskGroup { group in
      group.addTask { await run() }
      group.addTask { try? await coordinator.clock.sleep(for: patience) }
      await group.next()
      group.cancelAll()
    }
  }
}
