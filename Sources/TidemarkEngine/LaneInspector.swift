internal import TidemarkCore

/// Asks Redis what became of lanes' streams.
struct LaneInspector: Sendable {
  let source: any LaneSource
  let routes: RouteTable

  func look(_ lanes: [LaneCheck], _ settings: WorkerSettings) async throws -> [LaneLook] {
    let snapshots = try await source.look(lanes.map { LaneReadRequest.Position(lane: $0.lane, after: $0.cursor) })
    return zip(lanes, snapshots).map { LaneLook($0, $1, table: routes, limits: settings.decode) }
  }
}
