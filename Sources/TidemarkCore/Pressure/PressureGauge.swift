/// Decides how hard one lane's agents are asked to hold back.
///
/// A level is entered at its threshold and left at half of it (of memory: five points below), so that a lane at the edge does not ask for
/// something else every second. What is not known changes nothing.
package struct PressureGauge: Sendable, Equatable {
  package private(set) var level = PressureLevel.ok

  /// How far below its threshold memory must fall.
  static let memoryMargin = 0.05

  package init() {}

  /// - Parameters:
  ///   - lag: seconds; nil where it is not known.
  ///   - memory: Redis' used memory over its `maxmemory`; nil where there is no limit, or where it is not known.
  package mutating func observe(lag: Double?, memory: Double?, limits: PressureLimits) {
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
