/// Decides which lanes are looked at by those who only watch: the ones that something happened to, and the quiet ones in turn, so that
/// what watching costs depends on what happens and not on how many lanes there are.
package struct ObservationPlan: Sendable {
  /// Up to so many lanes are all measured each time.
  static let fewLanes = 64
  /// Lanes measured at a time, where there are more.
  static let portion = 512
  /// So many of them are quiet ones.
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

  /// Its stream, or what we know of it, is another than before.
  package mutating func noteChange(_ lane: String) {
    guard rotation.contains(lane) else { return }
    unmeasured.append(lane)
    changed.insert(lane)
  }

  /// Its cursor is another than before.
  package mutating func moved(_ lane: String) {
    noteChange(lane)
    if rotation.contains(lane) { moved.insert(lane) }
  }

  /// What was measured is out of date, or soon will be.
  package mutating func measureAgain(_ lane: String) {
    if rotation.contains(lane) { unmeasured.append(lane) }
  }

  /// The lanes to measure now. Each is measured in the end, however busy the others are.
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

  /// The lanes whose state may be another since they were taken last, also those that were removed.
  package mutating func takeChanged() -> Set<String> {
    defer { changed = [] }
    return changed
  }

  /// The lanes whose cursor moved since they were taken last.
  package mutating func takeMoved() -> Set<String> {
    defer { moved = [] }
    return moved
  }
}
