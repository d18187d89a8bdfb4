/// Decides how strongly the agents of one lane are asked to slow down.
///
/// A level is entered at its threshold and left at half of it (for memory: five points below), so that a lane near the threshold does not
/// change its level every second. A value that is not known changes nothing.
package struct PressureGauge: Sendable, Equatable {
  package private(set) var level = PressureLevel.ok
  /// Whether Redis' memory has reached its threshold, and has not yet fallen by the margin.
  package private(set) var isMemoryFull = false

  /// The amount by which memory must fall below its threshold.
  static let memoryMargin = 0.05

  package init() {}

  /// - Parameters:
  ///   - lag: the lag in seconds; nil where it is not known.
  ///   - memory: Redis' used memory divided by its `maxmemory`; nil where there is no limit, or where it is not known.
  package mutating func observe(lag: Double?, memory: Double?, limits: PressureLimits) {
    isMemoryFull = memory.map { $0 >= limits.memory - (isMemoryFull ? Self.memoryMargin : 0) } ?? false
    let byMemory = memory.map { $0 >= limits.memory - (level == .stop ? Self.memoryMargin : 0) } ?? false
    guard let lag else {
      if byMemory { level = .stop }
      return
    }
    func isAt(_ threshold: Duration, for wanted: PressureLevel) -> Bool {
      lag >= (level >= wanted ? threshold.seconds / 2 : threshold.seconds)
    }
    level = byMemory || isAt(limits.stop, for: .stop) ? .stop : isAt(limits.slow, for: .slow) ? .slow : .ok
  }
}
