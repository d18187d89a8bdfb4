/// Decides which halts of lanes to report: each reason once, and once that the lane goes on.
///
/// A halted lane is tried again after each backoff, and mostly halts again for the same reason. So it counts as going on only once the
/// failed operation succeeded: its stream could be inspected, or one of its entries was committed. A lane that an operator retries goes on
/// at once.
package struct HaltReport: Sendable {
  package enum Event: Sendable, Equatable {
    case halted(lane: String, reason: String, hint: String?)
    case resumed(lane: String)
  }

  private struct Reported {
    var reason: String
    var isOfReading: Bool
  }

  private var reported: [String: Reported] = [:]
  private var events: [Event] = []

  init() {}

  mutating func halted(_ lane: String, reason: String, hint: String?, isOfReading: Bool) {
    if reported[lane]?.reason != reason { events.append(.halted(lane: lane, reason: reason, hint: hint)) }
    reported[lane] = Reported(reason: reason, isOfReading: isOfReading)
  }

  /// Records that the stream of a lane that is not halted could be inspected.
  mutating func inspected(_ lane: String) {
    if reported[lane]?.isOfReading == true { resumed(lane) }
  }

  /// Records that an entry of a lane that is not halted was committed.
  mutating func committed(_ lane: String) { resumed(lane) }

  mutating func resumed(_ lane: String) {
    if reported.removeValue(forKey: lane) != nil { events.append(.resumed(lane: lane)) }
  }

  /// Removes a lane that this worker does not own any more.
  mutating func forget(_ lane: String) { reported[lane] = nil }

  mutating func takeEvents() -> [Event] {
    defer { events.removeAll() }
    return events
  }
}
