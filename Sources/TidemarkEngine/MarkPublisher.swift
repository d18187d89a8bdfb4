internal import Logging
internal import Synchronization
internal import TidemarkCore

/// Tells agents what is durable, after the commit and never before. Marks of one lane that wait together become one.
final class MarkPublisher: Sendable {
  private let pending = Mutex<[String: DurableMark]>([:])
  private let changed = ChangeSignal()
  private let source: any LaneSource
  private let coordinator: LaneCoordinator
  private let logger: Logger

  init(source: any LaneSource, coordinator: LaneCoordinator, logger: Logger) {
    self.source = source
    self.coordinator = coordinator
    self.logger = logger
  }

  func publish(_ marks: [DurableMark]) {
    pending.withLock { pending in
      for mark in marks { pending[mark.lane] = pending[mark.lane].map { $0.followed(by: mark) } ?? mark }
    }
    changed.raise()
  }

  /// Another server may be the one to be told now.
  func stir() { changed.raise() }

  /// Until cancelled; ``flush()`` sends what is left. A server that does not answer keeps no other's marks waiting.
  func run() async {
    await coordinator.forEachServer { [self] server in
      await withTaskExecutorPreference(source.publishers) { await run(server) }
    }
  }

  private func run(_ server: LaneServer) async {
    var lastWait: Duration?
    while !Task.isCancelled, await coordinator.knows(server) {
      let seen = changed.generation
      if await flush(server) {
        lastWait = nil
        await changed.wait(after: seen)
      } else {
        let wait = await coordinator.settings.retry.wait(after: lastWait, random: .random(in: 0..<1))
        lastWait = wait
        try? await Task.sleep(for: wait)
      }
    }
  }

  /// Sends everything that waits for a server, or for all of them. False where one did not take it; it waits on.
  func flush(_ only: LaneServer? = nil) async -> Bool {
    let lanes = pending.withLock { Array($0.keys) }
    guard !lanes.isEmpty else { return true }
    do {
      try await source.byServer(lanes) { $0 }.filter { only == nil || $0.server == only }.forEachAtOnce { [self] in
        try await publish($0.items)
      }
      return true
    } catch {
      logger.debug("marks.waiting", metadata: ["reason": "\(error)"])
      return false
    }
  }

  /// Lanes of one server.
  private func publish(_ lanes: [String]) async throws {
    let marks = pending.withLock { pending in lanes.compactMap { pending.removeValue(forKey: $0) } }
    do {
      try await source.publish(marks)
    } catch {
      pending.withLock { pending in
        for mark in marks { pending[mark.lane] = pending[mark.lane].map { mark.followed(by: $0) } ?? mark }
      }
      // Their lanes may be at another server by now, which has looked in vain.
      changed.raise()
      throw error
    }
  }
}

extension DurableMark {
  /// Both marks of one lane as one: the place that is further on, both ones' rejections. A transaction of a lane that was given up and
  /// taken again may tell its mark before the one that the lane was taken with.
  func followed(by later: DurableMark) -> DurableMark {
    let place = (later.incarnation, later.durable) < (incarnation, durable) ? self : later
    return DurableMark(lane: lane, durable: place.durable, incarnation: place.incarnation, rejected: rejected + later.rejected)
  }
}
