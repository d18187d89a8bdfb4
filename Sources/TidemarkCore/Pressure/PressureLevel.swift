/// What agents are asked to do.
package enum PressureLevel: String, Sendable, CaseIterable, Comparable {
  case ok, slow, stop

  package static func < (left: PressureLevel, right: PressureLevel) -> Bool { left.severity < right.severity }

  /// 0, 1, 2: as the metric tells it.
  package var severity: Int {
    switch self {
    case .ok: 0
    case .slow: 1
    case .stop: 2
    }
  }
}
