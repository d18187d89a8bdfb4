internal import Logging
internal import Synchronization
internal import TidemarkCore

/// Tells agents what is durable, after the commit and never before. Marks of one lane that wait together become one.
final class MarkPublisher: Sendable {
  private let pending = Mutex<[String: DurableMark]>([:])
  private let changed = ChangeSignal()
  /// Marks wait that another server takes than their lane's.
  private let strayed = ChangeSignal()
  private let source: any LaneSource
  private let coordinator: LaneCoordinator
  private let trust: MarkTrust
  private let logger: Logger

  init(source: any LaneSource, inspector: LaneInspector, coordinator: LaneCoordinator, logger: Logger) {
    self.source = source
    self.coordinator = coordinator
    trust = MarkTrust(inspector: inspector, coordinator: coordinator)
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
    /// Those that another server takes.
    case strays
    case all

    /// - Parameters: where a lane is, and who takes its mark.
    func includes(lane: LaneServer, mark: LaneServer) -> Bool {
      switch self {
      case .server(let server): lane == server && mark == server
      case .strays: lane != mark
      case .all: true
      }
    }
  }

  private func run(_ portion: Portion) async {
    let signal = portion == .strays ? strayed : changed
    var lastWait: Duration?
    while !Task.isCancelled, await isServed(portion) {
      let seen = signal.generation
      if await flush(portion) {
        lastWait = nil
        await signal.wait(after: seen)
      } else {
        let wait = await coordinator.settings.retry.wait(after: lastWait, random: .random(in: 0..<1))
        lastWait = wait
        try? await Task.sleep(for: wait)
      }
    }
  }

  private func isServed(_ portion: Portion) async -> Bool {
    if case .server(let server) = portion { await coordinator.knows(server) } else { true }
  }

  /// Sends what waits. False where something still waits for a server.
  func flush(_ portion: Portion) async -> Bool {
    let lanes = pending.withLock { Array($0.keys) }
    guard !lanes.isEmpty else { return true }
    do {
      let (servers, takers) = (try await source.servers(of: lanes), try await source.markServers(of: lanes))
      let chosen = lanes.indices.filter { portion.includes(lane: servers[$0], mark: takers[$0]) }
      if case .server(let server) = portion, lanes.indices.contains(where: { servers[$0] == server && takers[$0] != server }) {
        strayed.raise()
      }
      let areSent = Mutex(true)
      try await chosen.grouped(by: chosen.map { servers[$0] }).forEachAtOnce { [self] group in
        for (taker, items) in group.items.grouped(by: group.items.map { takers[$0] }) {
          if try await !publish(items.map { lanes[$0] }, of: group.server, to: taker) { areSent.withLock { $0 = false } }
        }
      }
      return areSent.withLock { $0 }
    } catch {
      logger.debug("marks.waiting", metadata: ["reason": "\(error)"])
      return false
    }
  }

  /// Lanes of one server, whose marks one server takes. False where some may not be told yet.
  private func publish(_ lanes: [String], of server: LaneServer, to taker: LaneServer) async throws -> Bool {
    let marks = pending.withLock { pending in lanes.compactMap { pending.removeValue(forKey: $0) } }
    do {
      let verdict = try await trust.verdict(marks.map(\.lane), at: server)
      // Of a lane that is not ours any more its next owner tells the mark.
      try await source.publish(
        marks.filter { verdict.trusted.contains($0.lane) }, over: server == taker ? verdict.connection : nil)
      putBack(marks.filter { verdict.withheld.contains($0.lane) })
      return verdict.withheld.isEmpty
    } catch {
      trust.forget(server)
      putBack(marks)
      // Their lanes may be at another server by now, which has looked in vain.
      changed.raise()
      throw error
    }
  }

  private func putBack(_ marks: [DurableMark]) {
    pending.withLock { pending in
      for mark in marks { pending[mark.lane] = pending[mark.lane].map { mark.followed(by: $0) } ?? mark }
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
