internal import TidemarkCore

/// Asks Redis what became of lanes' streams. A lane that is refused is told apart from the others, and logged once.
struct LaneInspector: Sendable {
  let source: any LaneSource
  let refusals: LaneRefusals

  /// What was seen of the lanes that were asked for, in their order, and why the others are refused.
  struct Inspection: Sendable {
    var looks: [LaneLook] = []
    var refused: [(lane: LaneCheck, error: SourceError)] = []
    /// Lanes that are to be asked for again later.
    var deferred: [LaneCheck] = []
  }

  /// - Parameter mayBeDeferred: the answer is not waited for where looking is dear.
  func look(_ lanes: [LaneCheck], mayBeDeferred: Bool) async throws -> Inspection {
    let lanes = lanes.deferrable(mayBeDeferred)
    return inspection(of: lanes, try await source.look(lanes))
  }

  /// The same over the connection for writes to a server.
  func survey(
    _ lanes: [LaneCheck], on server: LaneServer, mayBeDeferred: Bool
  ) async throws -> (connection: WriteConnection, inspection: Inspection) {
    let lanes = lanes.deferrable(mayBeDeferred)
    let survey = try await source.survey(lanes, on: server)
    return (survey.connection, inspection(of: lanes, survey.observations))
  }

  /// The same where it does not matter what was read before and what is written next.
  func inspect(_ lanes: [LaneCheck], mayBeDeferred: Bool) async throws -> Inspection {
    let lanes = lanes.deferrable(mayBeDeferred)
    return inspection(of: lanes, try await source.inspect(lanes))
  }

  private func inspection(of lanes: [LaneCheck], _ observations: [LaneObservation]) -> Inspection {
    var inspection = Inspection()
    for (lane, observation) in zip(lanes, observations) {
      switch observation {
      case .seen(let snapshot): inspection.looks.append(LaneLook(lane, snapshot))
      case .refused(let error):
        inspection.refused.append((lane, error))
        refusals.note(error, of: lane.lane, .inspect)
      case .deferred: inspection.deferred.append(lane)
      }
    }
    refusals.clear(inspection.looks.lazy.map(\.lane.lane), .inspect)
    return inspection
  }
}

extension [LaneCheck] {
  fileprivate func deferrable(_ mayBeDeferred: Bool) -> [LaneCheck] {
    map { check in
      var check = check
      check.mayBeDeferred = mayBeDeferred
      return check
    }
  }
}
