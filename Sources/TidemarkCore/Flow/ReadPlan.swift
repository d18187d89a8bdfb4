/// Decides which lanes the next XREAD names.
///
/// One command costs Redis time for every lane named in it, so only a few lanes are all named in each, blocking read. Of many lanes, those
/// are read that are *due*: the doorbell notified a change, or entries of theirs are known to be there. A sweep in slices covers all lanes:
/// slowly while the doorbell is heard, which makes up for a lost notification; fast while it is not, which then limits the latency.
///
/// Lanes that are *behind*, because a reply did not hold all of their entries, are read a few at a time and deep, alternating with the
/// others: the entries of one reply then leave in one transaction, and give their memory back with it.
///
/// It is a value without I/O and clock. The invariant that lives here: every lane is read again within one pass of the sweep.
package struct ReadPlan: Sendable {
  package struct Pace: Sendable, Equatable {
    /// The number of lanes up to which all are named in one blocking read.
    package var blockingLanes = 64
    /// The most lanes of one command, where there are more.
    package var slice = 256
    /// The duration of a sweep over all lanes while the doorbell is heard.
    package var heardPass = Duration.seconds(30)
    /// The duration of a sweep over all lanes while the doorbell is not heard. It is the longest delay of a change: a second, up to 25,600
    /// lanes.
    package var unheardPass = Duration.seconds(1)
    /// The shortest time between two slices, which limits the commands for very many lanes.
    package var shortestGap = Duration.milliseconds(10)

    package init() {}
  }

  package enum Choice: Sendable, Equatable {
    /// Read all lanes; the server may wait for the first entry.
    case all([String])
    /// Read these lanes, without waiting.
    case some([String])
    /// Read one entry of one lane, without waiting. It must be delivered however large it is.
    case alone(String)
    /// No lane is due until this moment.
    case wait(until: ContinuousClock.Instant)
    /// There is no lane.
    case nothing
  }

  private let pace: Pace
  private var rotation = LaneRotation()
  private var due = LaneQueue()
  private var behind = LaneQueue()
  private var wasDeep = false
  /// The lanes to read one by one, after a reply that was too large even at one entry a lane.
  private var alone = LaneQueue()
  private(set) var isHeard = false
  private var sliceDue: ContinuousClock.Instant?

  package init(pace: Pace = Pace()) {
    self.pace = pace
  }

  /// Whether there are so many lanes that the worker should listen for the doorbell.
  package var needsDoorbell: Bool { needsDoorbell(besides: 0) }

  /// Returns whether the doorbell is needed.
  ///
  /// - Parameter others: the number of lanes that must not be read at the moment.
  func needsDoorbell(besides others: Int) -> Bool { rotation.count + others > pace.blockingLanes }

  /// Whether a lane is known or likely to have more entries.
  package var isDue: Bool { !due.isEmpty || !behind.isEmpty || readsAlone }

  /// Whether the next read names a single lane, whose entry must be delivered.
  package var readsAlone: Bool { !alone.isEmpty }

  /// Adds a lane, which may be read from now on.
  package mutating func add(_ lane: String) {
    guard rotation.insert(lane) else { return }
    due.append(lane)
    // While all lanes were named in each read, changes were not recorded. So every lane may have new entries.
    if rotation.count == pace.blockingLanes + 1 { noteChangeOfAll() }
  }

  package mutating func remove(_ lane: String) {
    rotation.remove(lane)
    due.remove(lane)
    behind.remove(lane)
    alone.remove(lane)
  }

  /// Records that a lane has, or may have, new entries. Returns false where that is known already, or where the lane must not be read.
  @discardableResult package mutating func noteChange(_ lane: String) -> Bool {
    rotation.contains(lane) && due.append(lane)
  }

  /// Records that the last reply held as many entries of this lane as were requested.
  package mutating func fellBehind(_ lane: String) {
    guard rotation.contains(lane) else { return }
    due.remove(lane)
    behind.append(lane)
  }

  /// Records that any lane may have new entries.
  package mutating func noteChangeOfAll() {
    for lane in rotation.lanes { due.append(lane) }
  }

  /// Records whether the worker listens for the doorbell, so that changes from now on are notified.
  package mutating func doorbell(isHeard: Bool) {
    if isHeard { noteChangeOfAll() }
    guard self.isHeard != isHeard else { return }
    self.isHeard = isHeard
    sliceDue = nil
  }

  /// Makes these lanes be read one by one.
  package mutating func single(_ lanes: some Sequence<String>) {
    for lane in lanes where rotation.contains(lane) { alone.append(lane) }
  }

  /// Chooses the lanes of the next read. They count as read; the result of the read must be reported by ``noteChange(_:)`` and
  /// ``fellBehind(_:)``.
  ///
  /// - Parameter deepLanes: the number of lanes for which one reply has room where each is read as deep as it may be.
  package mutating func next(now: ContinuousClock.Instant, deepLanes: Int) -> Choice {
    if let lane = alone.popFirst() { return .alone(named([lane])[0]) }
    guard rotation.count > 0 else { return .nothing }
    if !behind.isEmpty, !wasDeep { return deep(deepLanes) }
    wasDeep = false
    guard needsDoorbell else {
      let others = rotation.lanes.filter { !behind.members.contains($0) }
      if others.isEmpty { return deep(deepLanes) }
      due.removeAll()
      return behind.isEmpty ? .all(others) : .some(others)
    }
    let waitsUntil = sliceDue ?? now
    if waitsUntil <= now {
      sliceDue = now.advanced(by: gap)
      return .some(named(rotation.take(pace.slice)))
    }
    let lanes = due.popFirst(pace.slice)
    if lanes.isEmpty { return behind.isEmpty ? .wait(until: waitsUntil) : deep(deepLanes) }
    return .some(lanes)
  }

  private mutating func deep(_ lanes: Int) -> Choice {
    wasDeep = true
    return .some(named(behind.popFirst(min(lanes, pace.slice))))
  }

  private mutating func named(_ lanes: [String]) -> [String] {
    for lane in lanes {
      due.remove(lane)
      behind.remove(lane)
    }
    return lanes
  }

  private var gap: Duration {
    let slices = (rotation.count + pace.slice - 1) / pace.slice
    return max((isHeard ? pace.heardPass : pace.unheardPass) / slices, pace.shortestGap)
  }
}
