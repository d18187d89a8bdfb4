internal import TidemarkCore

/// Asks Redis what became of lanes' streams. A lane that is refused is told apart from the others, and logged once.
struct LaneInspector: Sendable {
  let source: any LaneSource
  let refusals: LaneRefusals

  /// What was seen of the lanes that were asked for, in their order, and why the others are refused.
  struct Inspection: Sendable {
    var looks: [LaneLook] = []
    var refused: [(lane: LaneCheck, error: SourceError)] = []
  }

  func look(_ lanes: [LaneCheck]) async throws -> Inspection {
    inspection(of: lanes, try await source.look(lanes))
  }

  /// The same over the connection for writes to a server.
  func survey(_ lanes: [LaneCheck], on server: LaneServer) async throws -> (connection: WriteConnection, inspection: Inspection) {
    let survey = try await source.survey(lanes, on: server)
    return (survey.connection, inspection(of: lanes, survey.observations))
  }

  /// The same where it does not matter what was read before and what is written next.
  func inspect(_ lanes: [LaneCheck]) async throws -> Inspection {
    inspection(of: lanes, try await source.inspect(lanes))
  }

  private func inspection(of lanes: [LaneCheck], _ observations: [LaneObservation]) -> Inspection {
    var inspection = Inspection()
    for (lane, observation) in zip(lanes, observations) {
      switch observation {
      case .seen(let snapshot): inspection.looks.append(LaneLook(lane, snapshot))
      case .refused(let error):
        inspection.refused.append((lane, error))
        refusals.note(error, of: lane.lane, .inspect)
      }
    }
    refusals.clear(inspection.looks.lazy.map(\.lane.lane), .inspect)
    return inspection
  }
}
