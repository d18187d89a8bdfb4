internal import Synchronization
internal import TidemarkCore

/// Where the marks of which lanes may be told: over connections for writes at whose other end the lanes are what was read of them.
///
/// Behind a new connection may be another server: a replica that has become the master without the tail. New entries may stand there below
/// what was committed of the old one, and its mark would call them durable.
final class MarkTrust: Sendable {
  /// Lanes that were looked at over a connection.
  private struct Known {
    var connection: WriteConnection
    var lanes: Set<String>
  }

  private struct State {
    var known: [LaneServer: Known] = [:]
    /// Rises when trust is lost: what was looked at before counts no more.
    var losses = 0
  }

  /// What is to become of a lane's mark.
  enum Verdict {
    case tell
    /// The lane is ours, and does not look like what was read.
    case withhold
    /// The lane is not ours any more, and its next owner tells where it stands.
    case drop
  }

  private let state = Mutex(State())
  private let source: any MarkStore
  private let inspector: LaneInspector
  private let coordinator: LaneCoordinator

  init(source: any MarkStore, inspector: LaneInspector, coordinator: LaneCoordinator) {
    self.source = source
    self.inspector = inspector
    self.coordinator = coordinator
  }

  /// The lanes whose marks may be told at a server as it stands, and over which connection.
  func known(at server: LaneServer) -> (connection: WriteConnection, lanes: Set<String>)? {
    state.withLock { $0.known[server] }.flatMap { source.writeConnection(to: server) == $0.connection ? ($0.connection, $0.lanes) : nil }
  }

  /// Looks at the lanes of these marks, which are of one server.
  ///
  /// - Throws: ``SourceError``, also when they have to be looked at once more.
  func survey(_ marks: [PendingMark], on server: LaneServer) async throws -> (connection: WriteConnection?, verdicts: [String: Verdict]) {
    let losses = state.withLock { $0.losses }
    var verdicts: [String: Verdict] = [:]
    var asked: [(check: ExpectedStream, isOurs: Bool, pending: PendingReplacements.Replacement?)] = []
    for (mark, standing) in zip(marks, await coordinator.markEligibility(marks.map(\.record))) {
      switch standing {
      case .pending: verdicts[mark.record.name] = .withhold
      case .ours(let check): asked.append((check, true, nil))
      case .left(let check, let pending): asked.append((check, false, pending))
      }
    }
    var connection: WriteConnection?
    if !asked.isEmpty {
      let (found, inspection) = try await inspector.survey(asked.map(\.check), on: server, mayBeDeferred: false)
      connection = found
      let comparisons = Dictionary(inspection.comparisons.map { ($0.lane.lane, $0) }) { first, _ in first }
      for (check, isOurs, pending) in asked {
        let isSound = comparisons[check.lane].map { $0.replacement(after: pending) == nil } ?? false
        verdicts[check.lane] = isSound ? .tell : isOurs ? .withhold : .drop
      }
    }
    await forgetReleased(on: server)
    try trust(asked.filter { $0.isOurs && verdicts[$0.check.lane] == .tell }.map(\.check.lane), over: connection, unlessLostSince: losses)
    return (connection, verdicts)
  }

  private func trust(_ lanes: [String], over connection: WriteConnection?, unlessLostSince losses: Int) throws {
    try state.withLock { state in
      guard state.losses == losses else { throw SourceError(.moved, "lanes turned out to be other ones while they were looked at") }
      guard let connection else { return }
      let before = state.known[connection.server].flatMap { $0.connection == connection ? $0.lanes : nil } ?? []
      state.known[connection.server] = Known(connection: connection, lanes: before.union(lanes))
    }
  }

  /// Of lanes that come and go nothing is kept, once they are as many as those that are owned.
  private func forgetReleased(on server: LaneServer) async {
    let known = state.withLock { $0.known[server]?.lanes.count ?? 0 }
    guard known > 2 * (await coordinator.laneCount) + 64 else { return }
    let owned = Set(await coordinator.laneNames)
    state.withLock { $0.known[server]?.lanes.formIntersection(owned) }
  }

  /// This lane's stream is another one.
  func distrust(_ lane: String) {
    state.withLock { state in
      state.losses += 1
      for server in state.known.keys { state.known[server]?.lanes.remove(lane) }
    }
  }

  /// Lanes may be at other servers.
  func forget() {
    state.withLock { state in
      state.losses += 1
      state.known = [:]
    }
  }
}
