internal import Synchronization
internal import TidemarkCore

/// Where the marks of which lanes may be told: over connections for writes at whose other end the lanes are what was read of them.
///
/// Behind a new connection may be another server: a replica that has become the master without the tail. New entries may stand there below
/// what was committed of the old one, and its mark would call them durable.
final class MarkTrust: Sendable {
  private struct Known {
    var connection: WriteConnection
    var lanes: Set<String>
  }

  private let known = Mutex<[LaneServer: Known]>([:])
  private let inspector: LaneInspector
  private let coordinator: LaneCoordinator

  init(inspector: LaneInspector, coordinator: LaneCoordinator) {
    self.inspector = inspector
    self.coordinator = coordinator
  }

  /// Which marks may be told at a server.
  struct Verdict {
    /// The connection over which they may be told; nil where none may.
    var connection: WriteConnection?
    var trusted: Set<String>
    /// Lanes of ours that are not what was read, as it seems.
    var withheld: Set<String> = []
  }

  /// Looks at lanes that were not looked at over the present connection. Those that are not ours are in neither set.
  ///
  /// - Throws: ``SourceError``, also when lanes have to be looked at anew: the next call does.
  func verdict(_ lanes: [String], at server: LaneServer) async throws -> Verdict {
    let before = known.withLock { $0[server] }
    let unknown = lanes.filter { before?.lanes.contains($0) != true }
    let records = unknown.isEmpty ? [] : await coordinator.records(of: unknown)
    guard !records.isEmpty else { return Verdict(connection: before?.connection, trusted: Set(lanes).subtracting(unknown)) }
    let (connection, looks) = try await inspector.survey(
      records.map { LaneCheck($0, after: nil) }, on: server, await coordinator.settings)
    let sound = Set(looks.filter { $0.broken(after: nil) == nil }.map(\.lane.lane))
    try known.withLock { known in
      if let held = known[server], held.connection != connection {
        known[server] = nil
        throw SourceError(.moved, "marks wait until their lanes were looked at over the new connection")
      }
      known[server, default: Known(connection: connection, lanes: [])].lanes.formUnion(sound)
    }
    return Verdict(
      connection: connection, trusted: Set(lanes).subtracting(unknown).union(sound), withheld: Set(records.map(\.name)).subtracting(sound))
  }

  /// The connection is another, or may be.
  func forget(_ server: LaneServer) { known.withLock { $0[server] = nil } }
}
