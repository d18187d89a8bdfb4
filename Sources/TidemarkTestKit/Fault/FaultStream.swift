import NIOCore

/// One direction of one connection: what is held, what waits for its time, and whether anything may still enter.
///
/// Only order and time are decided here; which fault strikes is `FaultCore`'s decision.
struct FaultStream {
  /// What passes, in its order.
  enum Item: Equatable {
    case bytes(ByteBuffer)
    /// The sender has nothing more to say.
    case end
    /// The receiver gets an RST.
    case cut
  }

  /// A segment held back, with all that came behind it; nil when the stream flows.
  private var held: [Item]?
  private var waiting = CircularBuffer<(due: NIODeadline, item: Item)>()
  /// Nothing enters any more: a fault, an RST or the end of the sender has the last word.
  private(set) var isSealed = false
  /// How far each armed text has come, by the number of its fault.
  var matchers: [Int: TextMatcher] = [:]
  /// How many bytes may still pass; nil is any number.
  var allowance: Int?
  /// The sender has said that it is done.
  var hasEnded = false
  /// The receiver has been told so.
  var isFinished = false

  var isHeld: Bool { held != nil }
  /// When the first of what waits is due.
  var nextDue: NIODeadline? { waiting.first?.due }

  mutating func seal() { isSealed = true }

  /// Drops what a fault has begun to count or to look for.
  mutating func forgetFaults() {
    matchers = [:]
    allowance = nil
  }

  mutating func hold(_ item: Item) { held = (held ?? []) + [item] }

  /// What was held, in order; the stream flows again.
  mutating func release() -> [Item] {
    defer { held = nil }
    return held ?? []
  }

  /// Lines up `item`, not before what is there already.
  mutating func append(_ item: Item, due: NIODeadline) {
    waiting.append((max(due, waiting.last?.due ?? due), item))
  }

  /// Takes the first of what waits when its time has come.
  mutating func takeDue(at now: NIODeadline) -> Item? {
    guard let first = waiting.first, first.due <= now else { return nil }
    waiting.removeFirst()
    return first.item
  }

  /// Throws away all that is under way.
  mutating func drop() {
    held = nil
    waiting.removeAll()
  }
}
