/// Decides which lanes are inspected for observation only: those that changed, and the quiet ones in turn, so that the cost depends on the
/// activity and not on the number of lanes.
package struct ObservationPlan: Sendable {
  /// The number of lanes up to which all are measured each time.
  static let fewLanes = 64
  /// The number of lanes that are measured at a time, where there are more.
  static let portion = 512
  /// The number of quiet lanes among those that are measured at a time.
  package static let quietPortion = 64

  private var rotation = LaneRotation()
  private var unmeasured = LaneQueue()
  private var changed: Set<String> = []
  private var moved: Set<String> = []

  package init() {}

  package mutating func add(_ lane: String) {
    rotation.insert(lane)
    noteChange(lane)
  }

  package mutating func remove(_ lane: String) {
    rotation.remove(lane)
    unmeasured.remove(lane)
    moved.remove(lane)
    changed.insert(lane)
  }

  /// Records that the lane's stream, or this worker's state of the lane, has changed.
  package mutating func noteChange(_ lane: String) {
    guard rotation.contains(lane) else { return }
    unmeasured.append(lane)
    changed.insert(lane)
  }

  /// Records that the lane's cursor has moved.
  package mutating func moved(_ lane: String) {
    noteChange(lane)
    if rotation.contains(lane) { moved.insert(lane) }
  }

  /// Records that the last measurement is out of date, or soon will be.
  package mutating func measureAgain(_ lane: String) {
    if rotation.contains(lane) { unmeasured.append(lane) }
  }

  /// Returns the lanes to measure now. Each is measured in the end, however busy the others are.
  package mutating func takeUnmeasured() -> [String] {
    guard rotation.count > Self.fewLanes else {
      unmeasured.removeAll()
      return rotation.lanes
    }
    let busy = unmeasured.popFirst(Self.portion - Self.quietPortion)
    let measured = Set(busy)
    let quiet = rotation.take(Self.quietPortion).filter { !measured.contains($0) }
    for lane in quiet { unmeasured.remove(lane) }
    return busy + quiet
  }

  /// Returns the lanes that may have changed since the last call, including those that were removed.
  package mutating func takeChanged() -> Set<String> {
    defer { changed = [] }
    return changed
  }

  /// Returns the lanes whose cursor moved since the last call.
  package mutating func takeMoved() -> Set<String> {
    defer { moved = [] }
    return moved
  }
}
