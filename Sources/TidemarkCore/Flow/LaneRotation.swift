/// All lanes in a circle, so that each gets its turn even while lanes are added and removed.
struct LaneRotation: Sendable {
  private(set) var lanes: [String] = []
  private var places: [String: Int] = [:]
  /// The index of the next lane. The lanes before it had their turn in this round.
  private var next = 0

  var count: Int { lanes.count }

  func contains(_ lane: String) -> Bool { places[lane] != nil }

  /// Adds a lane. Returns false where it is there already.
  @discardableResult mutating func insert(_ lane: String) -> Bool {
    guard places[lane] == nil else { return false }
    places[lane] = lanes.count
    lanes.append(lane)
    return true
  }

  mutating func remove(_ lane: String) {
    guard var hole = places.removeValue(forKey: lane) else { return }
    // The hole moves to the end, across the border between lanes that had their turn and lanes that wait for it, so that no lane changes
    // sides.
    if hole < next {
      next -= 1
      fill(hole, from: next)
      hole = next
    }
    fill(hole, from: lanes.count - 1)
    lanes.removeLast()
  }

  private mutating func fill(_ hole: Int, from place: Int) {
    guard hole != place else { return }
    lanes[hole] = lanes[place]
    places[lanes[hole]] = hole
  }

  /// Returns the next lanes, each at most once.
  mutating func take(_ count: Int) -> [String] {
    var taken: [String] = []
    for _ in 0..<min(count, lanes.count) {
      if next >= lanes.count { next = 0 }
      taken.append(lanes[next])
      next += 1
    }
    return taken
  }
}
