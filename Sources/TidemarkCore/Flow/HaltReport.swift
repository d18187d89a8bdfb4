/// What is said of lanes that halt: once for each reason, and once when they go on.
///
/// A lane that rests is tried again and again, and mostly halts again for the same reason. So it counts as going on only once it has done
/// what it could not do: its stream could be looked at, or an entry of it was committed. One that an operator retries goes on at once.
package struct HaltReport: Sendable {
  package enum Event: Sendable, Equatable {
    case halted(lane: String, reason: String, hint: String?)
    case resumed(lane: String)
  }

  private struct Said {
    var reason: String
    var isOfReading: Bool
  }

  private var said: [String: Said] = [:]
  private var events: [Event] = []

  init() {}

  mutating func halted(_ lane: String, reason: String, hint: String?, isOfReading: Bool) {
    if said[lane]?.reason != reason { events.append(.halted(lane: lane, reason: reason, hint: hint)) }
    said[lane] = Said(reason: reason, isOfReading: isOfReading)
  }

  /// The stream of a lane that is not halted could be looked at.
  mutating func inspected(_ lane: String) {
    if said[lane]?.isOfReading == true { resumed(lane) }
  }

  /// An entry of a lane that is not halted was committed.
  mutating func committed(_ lane: String) { resumed(lane) }

  mutating func resumed(_ lane: String) {
    if said.removeValue(forKey: lane) != nil { events.append(.resumed(lane: lane)) }
  }

  /// The lane is another worker's by now, or nobody's.
  mutating func forget(_ lane: String) { said[lane] = nil }

  mutating func takeEvents() -> [Event] {
    defer { events.removeAll() }
    return events
  }
}
