/// Decides which lanes' changes are sealed, and when.
///
/// Twice in `seal.interval` it looks for owned lanes with changes that are not sealed, and seals them in pieces. A piece is one short
/// transaction. The pause after it is as long as the piece, or nineteen times as long while replication is behind, so that seals are late
/// rather than changes.
///
/// It is a value without I/O; the caller passes the time.
package struct SealPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Seal the next changes of these lanes, at most `most` of each; then call ``sealed(_:of:_:took:now:)`` or ``failed(now:)``.
    case seal([Int32], most: Int)
  }

  /// How far an owned lane is sealed, and under which incarnation that was found.
  private struct Known: Sendable {
    var throughNo: Int64
    var incarnation: Int64
  }

  /// The most lanes of a piece: each needs at least a row, however few its changes are.
  static let mostLanes = 64
  static let sizes = 100...10_000
  private static let failurePause = Duration.seconds(1)

  private var known: [Int32: Known] = [:]
  private var queue: [Int32] = []
  /// About the number of changes of the next piece.
  private var size = 1_000
  private var nextRound: ContinuousClock.Instant
  private var pauseEnd: ContinuousClock.Instant

  package init(now: ContinuousClock.Instant) {
    nextRound = now
    pauseEnd = now
  }

  package mutating func next(_ facts: SealFacts, now: ContinuousClock.Instant) -> Action {
    let round = facts.interval / 2
    guard !facts.isPostgresAway else { return .wait(until: now + round) }
    if now < pauseEnd { return .wait(until: pauseEnd) }
    known = known.filter { facts.lanes[$0.key] != nil }
    queue.removeAll { facts.lanes[$0] == nil }
    if queue.isEmpty {
      if now < nextRound { return .wait(until: min(nextRound, now + round)) }
      nextRound = now + round
      queue = facts.lanes.keys.filter { pending($0, facts) > 0 }.sorted()
      if queue.isEmpty { return .wait(until: nextRound) }
    }
    return piece(facts)
  }

  /// Records how far the lanes of a piece are sealed. Those with further changes have another turn after the others.
  ///
  /// - Parameter asked: the lanes of the piece. One that is not among the results is not in the ledger.
  package mutating func sealed(
    _ results: [SealedLane], of asked: [Int32], _ facts: SealFacts, took time: Duration, now: ContinuousClock.Instant
  ) {
    size = BackgroundPace.size(after: size, thatTook: time, within: Self.sizes)
    pauseEnd = now + BackgroundPace.pause(after: time, times: facts.isReplicationBehind ? BackgroundPace.pauses : 1)
    queue.removeAll { asked.contains($0) }
    for result in results {
      guard let lane = facts.lanes[result.laneID] else { continue }
      known[result.laneID] = Known(throughNo: result.throughNo, incarnation: lane.incarnation)
      if !result.isComplete { queue.append(result.laneID) }
    }
  }

  package mutating func failed(now: ContinuousClock.Instant) {
    size = max(Self.sizes.lowerBound, size / 2)
    pauseEnd = now + Self.failurePause
  }

  /// The next lanes of the queue whose changes fill a piece.
  private func piece(_ facts: SealFacts) -> Action {
    var lanes: [Int32] = []
    var changes: Int64 = 0
    for lane in queue.prefix(Self.mostLanes) where changes < size {
      lanes.append(lane)
      changes += min(pending(lane, facts), Int64(size))
    }
    return .seal(lanes, most: size)
  }

  /// The number of changes that are not sealed. Of a lane of which that is not known there is at least one, so that the head of its chain is
  /// asked for, and published, once.
  private func pending(_ id: Int32, _ facts: SealFacts) -> Int64 {
    guard let lane = facts.lanes[id], lane.appliedNo > 0 else { return 0 }
    guard let known = known[id], known.incarnation == lane.incarnation else { return max(1, lane.appliedNo) }
    return lane.appliedNo - known.throughNo
  }
}
