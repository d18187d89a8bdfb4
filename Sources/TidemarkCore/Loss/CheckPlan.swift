/// Decides when which lane is held against what Redis says of it: at once when it becomes ours or the connection is new, within a second
/// after something of it was read, and the quiet ones in turn.
///
/// A value without I/O and clock.
package struct CheckPlan: Sendable {
  static let interval = Duration.seconds(1)
  /// Lanes of one look at most.
  static let portion = 128
  /// Quiet lanes that an interval adds.
  static let quietPortion = 64

  private var rotation = LaneRotation()
  private var due = LaneQueue()
  private var noteChange: Set<String> = []
  private var nextRound: ContinuousClock.Instant?

  mutating func add(_ lane: String) {
    rotation.insert(lane)
    due.append(lane)
  }

  mutating func remove(_ lane: String) {
    rotation.remove(lane)
    due.remove(lane)
    noteChange.remove(lane)
  }

  /// Something of it was read.
  mutating func noteChange(_ lane: String) {
    if rotation.contains(lane) { noteChange.insert(lane) }
  }

  /// It is compared with the next look.
  mutating func soon(_ lane: String) {
    if rotation.contains(lane) { due.append(lane) }
  }

  /// Any lane may be another than it was.
  mutating func all() {
    for lane in rotation.lanes { due.append(lane) }
  }

  mutating func take(now: ContinuousClock.Instant) -> [String] {
    if nextRound ?? now <= now {
      nextRound = now.advanced(by: Self.interval)
      for lane in noteChange { due.append(lane) }
      noteChange.removeAll(keepingCapacity: true)
      for lane in rotation.take(Self.quietPortion) { due.append(lane) }
    }
    return due.popFirst(Self.portion)
  }

  /// When the next look is due; nil while there is no lane.
  func next(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    rotation.count == 0 ? nil : due.isEmpty ? nextRound ?? now : now
  }
}
