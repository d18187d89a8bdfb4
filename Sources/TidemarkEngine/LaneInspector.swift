internal import TidemarkCore

/// Asks Redis what became of lanes' streams.
struct LaneInspector: Sendable {
  let source: any LaneSource
  let routes: RouteTable

  func look(_ lanes: [LaneCheck], _ settings: WorkerSettings) async throws -> [LaneLook] {
    let snapshots = try await source.look(lanes.map { LaneReadRequest.Position(lane: $0.lane, after: $0.cursor) })
    return looks(lanes, snapshots, settings)
  }

  /// The same over the connection for writes to a server.
  func survey(
    _ lanes: [LaneCheck], on server: LaneServer, _ settings: WorkerSettings
  ) async throws -> (connection: WriteConnection, looks: [LaneLook]) {
    let survey = try await source.survey(lanes.map { LaneReadRequest.Position(lane: $0.lane, after: $0.cursor) }, on: server)
    return (survey.connection, looks(lanes, survey.snapshots, settings))
  }

  private func looks(_ lanes: [LaneCheck], _ snapshots: [LaneSnapshot], _ settings: WorkerSettings) -> [LaneLook] {
    zip(lanes, snapshots).map { LaneLook($0, $1, table: routes, limits: settings.decode) }
  }
}
