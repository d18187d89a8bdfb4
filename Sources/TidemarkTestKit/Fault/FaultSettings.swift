import NIOCore

/// Which faults a ``FaultProxy`` has been told to make, for all its connections.
struct FaultSettings {
  /// A text that is waited for; the connection that completes it first takes it.
  struct Trap {
    let number: Int
    let direction: FaultDirection
    let text: String
    /// Held back, else lost.
    let holds: Bool
  }

  var delay = TimeAmount.zero
  /// Bytes of a written segment at most; 0 is any number.
  var segmentSize = 0
  var swallows = false
  var refuses = false
  private var traps: [Trap] = []
  private var truncations: [(direction: FaultDirection, bytes: Int)] = []
  private var trapsSet = 0

  mutating func setTrap(_ direction: FaultDirection, _ text: String, holds: Bool) {
    traps.append(Trap(number: trapsSet, direction: direction, text: text, holds: holds))
    trapsSet += 1
  }

  mutating func setTruncation(_ direction: FaultDirection, _ bytes: Int) {
    truncations.append((direction, bytes))
  }

  /// Forgets all faults. The traps' numbers go on: a stream may have begun to match one that is gone.
  mutating func clear() {
    let count = trapsSet
    self = FaultSettings()
    trapsSet = count
  }

  /// The oldest trap whose text `segment` completes; it is used up. The others have not seen the segment then: a held one comes again.
  mutating func sprung(by segment: ByteBuffer, _ direction: FaultDirection, matchers: inout [Int: TextMatcher]) -> Trap? {
    let waiting = traps.filter { $0.direction == direction }
    guard !waiting.isEmpty else { return nil }
    var advanced: [Int: TextMatcher] = [:]
    for trap in waiting {
      var matcher = matchers[trap.number] ?? TextMatcher(trap.text)
      if matcher.isCompleted(by: segment.readableBytesView) {
        traps.removeAll { $0.number == trap.number }
        return trap
      }
      advanced[trap.number] = matcher
    }
    matchers = advanced
    return nil
  }

  /// How many bytes a connection with data in `direction` may still send, where a truncation is armed; it is used up.
  mutating func takeTruncation(_ direction: FaultDirection) -> Int? {
    guard let index = truncations.firstIndex(where: { $0.direction == direction }) else { return nil }
    return truncations.remove(at: index).bytes
  }
}
