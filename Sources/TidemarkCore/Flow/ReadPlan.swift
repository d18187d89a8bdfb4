/// Decides which lanes the next XREAD names.
///
/// One command costs Redis time for every lane named in it, so only a few lanes are all named in each, blocking. Of many, those are
/// read that are *due*: the doorbell rang for them, or something of theirs is known to be there. A sweep in slices passes over all of
/// them: slowly while the doorbell is heard, which covers a ring that was lost; fast while it is not, which then bounds the latency.
///
/// Lanes that are *behind*, because a reply did not hold all of theirs, are read a few at a time and deep, in turn with the others: what one
/// reply brings then leaves in one transaction, and gives its memory back with it.
///
/// A value without I/O and clock. The invariant that lives here: every lane is read again within one pass of the sweep.
package struct ReadPlan: Sendable {
  package struct Pace: Sendable, Equatable {
    /// Up to so many lanes are all named in one blocking read.
    package var blockingLanes = 64
    /// Lanes of one command at most, where there are more.
    package var slice = 256
    /// How long a sweep over all lanes takes while the doorbell is heard.
    package var heardPass = Duration.seconds(30)
    /// The same while it is not. A change then waits so long at most: a second, up to 25,600 lanes.
    package var unheardPass = Duration.seconds(1)
    /// Between two slices; what bounds the commands of very many lanes.
    package var shortestGap = Duration.milliseconds(10)

    package init() {}
  }

  package enum Choice: Sendable, Equatable {
    /// Every lane there is; the server may wait for the first entry.
    case all([String])
    /// Without waiting.
    case some([String])
    /// One entry of one lane, without waiting; it must be delivered however large it is.
    case alone(String)
    /// Nobody is due until then.
    case wait(until: ContinuousClock.Instant)
    /// There is no lane.
    case nothing
  }

  private let pace: Pace
  private var rotation = LaneRotation()
  private var due = LaneQueue()
  private var behind = LaneQueue()
  private var wasDeep = false
  /// To be read one by one, after a reply that was too large even at one entry a lane.
  private var alone = LaneQueue()
  private var isHeard = false
  private var sliceDue: ContinuousClock.Instant?

  package init(pace: Pace = Pace()) {
    self.pace = pace
  }

  /// Whether there are so many lanes that somebody should listen for the doorbell.
  package var needsDoorbell: Bool { needsDoorbell(besides: 0) }

  /// - Parameter others: lanes that may not be read at the moment.
  func needsDoorbell(besides others: Int) -> Bool { rotation.count + others > pace.blockingLanes }

  /// Whether a lane is known to have, or to be likely to have, more.
  package var isDue: Bool { !due.isEmpty || !behind.isEmpty || readsAlone }

  /// Whether the next read names a single lane, whose entry must be delivered.
  package var readsAlone: Bool { !alone.isEmpty }

  /// A lane may be read from now on.
  package mutating func add(_ lane: String) {
    guard rotation.insert(lane) else { return }
    due.append(lane)
    // What came while all were named in one read was not noticed otherwise.
    if rotation.count == pace.blockingLanes + 1 { noteChangeOfAll() }
  }

  package mutating func remove(_ lane: String) {
    rotation.remove(lane)
    due.remove(lane)
    behind.remove(lane)
    alone.remove(lane)
  }

  /// A lane has, or may have, more. False where that is known already, or where the lane can't be read.
  @discardableResult package mutating func ring(_ lane: String) -> Bool {
    rotation.contains(lane) && due.append(lane)
  }

  /// The last reply held as many entries of this lane as were asked for.
  package mutating func fellBehind(_ lane: String) {
    guard rotation.contains(lane) else { return }
    due.remove(lane)
    behind.append(lane)
  }

  /// Any lane may have more.
  package mutating func noteChangeOfAll() {
    for lane in rotation.lanes { due.append(lane) }
  }

  /// Somebody began to listen for the doorbell, so that what comes from now on rings; or nobody listens any more.
  package mutating func doorbell(isHeard: Bool) {
    if isHeard { noteChangeOfAll() }
    guard self.isHeard != isHeard else { return }
    self.isHeard = isHeard
    sliceDue = nil
  }

  /// These are read one by one.
  package mutating func single(_ lanes: some Sequence<String>) {
    for lane in lanes where rotation.contains(lane) { alone.append(lane) }
  }

  /// Whoever is named counts as read; what becomes of the read is told by ``ring(_:)`` and ``fellBehind(_:)``.
  ///
  /// - Parameter deepLanes: lanes that one reply has room for, where each is read as deep as it may be.
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
