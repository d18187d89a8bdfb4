/// Decides when each lane is compared with its stream: at once when this worker acquires the lane or the connection is new, within a second
/// after an entry of the lane was read, and the quiet lanes in turn.
///
/// It is a value without I/O and clock.
package struct CheckPlan: Sendable {
  static let interval = Duration.seconds(1)
  /// The most lanes that one check compares.
  static let portion = 128
  /// The number of quiet lanes that are added in each interval.
  static let quietPortion = 64

  private var rotation = LaneRotation()
  private var due = LaneQueue()
  private var changed: Set<String> = []
  private var nextRound: ContinuousClock.Instant?

  /// Whether a lane is to be compared at once.
  var hasDue: Bool { !due.isEmpty }

  mutating func add(_ lane: String) {
    rotation.insert(lane)
    due.append(lane)
  }

  mutating func remove(_ lane: String) {
    rotation.remove(lane)
    due.remove(lane)
    changed.remove(lane)
  }

  /// Records that entries of the lane were read, so that the lane is compared in the next round.
  mutating func noteChange(_ lane: String) {
    if rotation.contains(lane) { changed.insert(lane) }
  }

  /// Makes the lane due for the next check.
  mutating func checkSoon(_ lane: String) {
    if rotation.contains(lane) { due.append(lane) }
  }

  /// Makes all lanes due, because any stream may have been replaced.
  mutating func checkAll() {
    for lane in rotation.lanes { due.append(lane) }
  }

  mutating func take(now: ContinuousClock.Instant) -> [String] {
    if nextRound ?? now <= now {
      nextRound = now.advanced(by: Self.interval)
      for lane in changed { due.append(lane) }
      changed.removeAll(keepingCapacity: true)
      for lane in rotation.take(Self.quietPortion) { due.append(lane) }
    }
    return due.popFirst(Self.portion)
  }

  /// Returns the time of the next check; nil while there is no lane.
  func next(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    rotation.count == 0 ? nil : due.isEmpty ? nextRound ?? now : now
  }
}
