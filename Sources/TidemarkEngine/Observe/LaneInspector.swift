internal import TidemarkCore

/// Asks Redis what became of lanes' streams. A lane that is refused is told apart from the others, and logged once.
struct LaneInspector: Sendable {
  let source: any StreamInspector
  let refusals: LaneRefusals

  /// What was seen of the lanes that were asked for, in their order, and why the others are refused.
  struct Inspection: Sendable {
    var comparisons: [StreamComparison] = []
    var refused: [(lane: ExpectedStream, error: SourceError)] = []
    /// Lanes that are to be asked for again later.
    var deferred: [ExpectedStream] = []
  }

  /// - Parameter mayBeDeferred: the answer is not waited for where looking is dear.
  func observe(_ lanes: [ExpectedStream], mayBeDeferred: Bool) async throws -> Inspection {
    let lanes = lanes.deferrable(mayBeDeferred)
    return inspection(of: lanes, try await source.observe(lanes))
  }

  /// The same over the connection for writes to a server.
  func survey(
    _ lanes: [ExpectedStream], on server: LaneServer, mayBeDeferred: Bool
  ) async throws -> (connection: WriteConnection, inspection: Inspection) {
    let lanes = lanes.deferrable(mayBeDeferred)
    let survey = try await source.survey(lanes, on: server)
    return (survey.connection, inspection(of: lanes, survey.observations))
  }

  /// The same where it does not matter what was read before and what is written next.
  func inspect(_ lanes: [ExpectedStream], mayBeDeferred: Bool) async throws -> Inspection {
    let lanes = lanes.deferrable(mayBeDeferred)
    return inspection(of: lanes, try await source.inspect(lanes))
  }

  private func inspection(of lanes: [ExpectedStream], _ observations: [StreamObservation]) -> Inspection {
    var inspection = Inspection()
    for (lane, observation) in zip(lanes, observations) {
      switch observation {
      case .seen(let observed): inspection.comparisons.append(StreamComparison(lane, observed))
      case .refused(let error):
        inspection.refused.append((lane, error))
        refusals.note(error, of: lane.lane, .inspect)
      case .deferred: inspection.deferred.append(lane)
      }
    }
    refusals.clear(inspection.comparisons.lazy.map(\.lane.lane), .inspect)
    return inspection
  }
}

extension [ExpectedStream] {
  fileprivate func deferrable(_ mayBeDeferred: Bool) -> [ExpectedStream] {
    map { check in
      var check = check
      check.mayBeDeferred = mayBeDeferred
      return check
    }
  }
}
