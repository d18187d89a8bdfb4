/// The requests of operators for a lane, as the ledger keeps them for whichever worker owns it.
package struct LaneControl: Sendable, Equatable {
  package var lane: String
  package var isPaused: Bool
  /// The number of requests to try the lane again; it only rises.
  package var retries: Int64
  /// The number of the lane's dead letters that were resolved; it only rises.
  package var resolutions: Int64

  package init(lane: String, isPaused: Bool, retries: Int64, resolutions: Int64) {
    self.lane = lane
    self.isPaused = isPaused
    self.retries = retries
    self.resolutions = resolutions
  }
}

/// Compares the requests of operators for lanes with those that a worker has seen before.
package struct LaneControls: Sendable {
  /// The changes that a worker must apply.
  package struct Change: Sendable, Equatable {
    package var paused: Set<String> = []
    package var retried: Set<String> = []
    package var resolved: Set<String> = []

    package init(paused: Set<String> = [], retried: Set<String> = [], resolved: Set<String> = []) {
      self.paused = paused
      self.retried = retried
      self.resolved = resolved
    }
  }

  private var known: [String: LaneControl]?

  package init() {}

  /// Records the controls of all lanes that have any, and returns the changes. Requests from before a worker's first call do not apply to
  /// its lanes: a lane is not halted when a worker acquires it.
  package mutating func seen(_ controls: [LaneControl]) -> Change {
    var change = Change(paused: Set(controls.lazy.filter(\.isPaused).map(\.lane)))
    if let known {
      for control in controls {
        if control.retries != known[control.lane]?.retries ?? 0 { change.retried.insert(control.lane) }
        if control.resolutions != known[control.lane]?.resolutions ?? 0 { change.resolved.insert(control.lane) }
      }
    }
    known = Dictionary(controls.map { ($0.lane, $0) }) { first, _ in first }
    return change
  }
}
