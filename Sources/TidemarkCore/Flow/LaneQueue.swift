internal import DequeModule

/// Lanes in the order in which they came, each at most once; any of them may leave early. Every operation is O(1), amortised.
struct LaneQueue: Sendable {
  private var slots: Deque<String> = []
  /// Who is in it. The slot of a lane that left early is skipped when its turn comes, or is its own again when it is back by then.
  private(set) var members: Set<String> = []

  var isEmpty: Bool { members.isEmpty }
  var count: Int { members.count }

  /// False where it is in the queue already: it keeps its place.
  @discardableResult mutating func append(_ lane: String) -> Bool {
    guard members.insert(lane).inserted else { return false }
    slots.append(lane)
    if slots.count > 2 * members.count + 64 { dropEmptySlots() }
    return true
  }

  mutating func remove(_ lane: String) { members.remove(lane) }

  mutating func removeAll() {
    slots.removeAll(keepingCapacity: true)
    members.removeAll(keepingCapacity: true)
  }

  var first: String? {
    mutating get {
      while let lane = slots.first, !members.contains(lane) { slots.removeFirst() }
      return slots.first
    }
  }

  mutating func popFirst() -> String? {
    guard let lane = first else { return nil }
    slots.removeFirst()
    members.remove(lane)
    return lane
  }

  mutating func popFirst(_ count: Int) -> [String] {
    var popped: [String] = []
    while popped.count < count, let lane = popFirst() { popped.append(lane) }
    return popped
  }

  private mutating func dropEmptySlots() {
    var seen: Set<String> = []
    slots = Deque(slots.filter { members.contains($0) && seen.insert($0).inserted })
  }
}
