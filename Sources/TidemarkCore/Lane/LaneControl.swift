/// What operators want of a lane, as the ledger keeps it for whichever worker owns the lane.
package struct LaneControl: Sendable, Equatable {
  package var lane: String
  package var isPaused: Bool
  /// How often somebody asked for it to be tried again; it only rises.
  package var retries: Int64
  /// How many of its dead letters were resolved; it only rises.
  package var resolutions: Int64

  package init(lane: String, isPaused: Bool, retries: Int64, resolutions: Int64) {
    self.lane = lane
    self.isPaused = isPaused
    self.retries = retries
    self.resolutions = resolutions
  }
}

/// Compares what operators want of lanes with what a worker has seen of it before.
package struct LaneControls: Sendable {
  /// What a worker is to do about it.
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

  /// The ledger says this of all lanes of which anybody wanted anything. What was wanted before a worker's first look concerns no lane of it:
  /// a lane begins unhalted with each owner.
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
