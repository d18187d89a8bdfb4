internal import Synchronization
internal import TidemarkCore

/// Keeps the results of observations over the connections to one server; a shell around ``ObservationBudget``.
final class ObservationMemory: Sendable {
  private let budget = Mutex(ObservationBudget())

  func efforts(for lanes: [ExpectedStream], over connection: Int) -> [ObservationBudget.Effort] {
    budget.withLock { budget in lanes.map { budget.effort(for: $0, over: connection, now: .now) } }
  }

  func answered(_ answer: ObservationAnswer, of lane: ExpectedStream, over connection: Int) -> StreamObservation {
    budget.withLock { budget in
      switch answer {
      case .whole(let observed, let facts, let cost):
        budget.inspected(lane, over: connection, observed, facts: facts, cost: cost, now: .now)
        return .seen(observed)
      case .same: return budget.unchanged(lane, over: connection)
      case .changed(let length, let added): return budget.changed(lane, over: connection, length: length, added: added)
      case .refused(let error): return .refused(error)
      }
    }
  }
}
