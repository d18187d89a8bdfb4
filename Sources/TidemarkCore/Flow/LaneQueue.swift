internal import DequeModule

/// A queue of lanes that holds each at most once and from which any lane can be removed. Every operation is O(1), amortised.
struct LaneQueue: Sendable {
  private var slots: Deque<String> = []
  /// The lanes in the queue. The slot of a lane that was removed early is skipped when it comes to the front; if the lane is back by then,
  /// the slot is its own again.
  private(set) var members: Set<String> = []

  var isEmpty: Bool { members.isEmpty }
  var count: Int { members.count }

  /// Appends a lane. Returns false where the lane is in the queue already, where it keeps its place.
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
