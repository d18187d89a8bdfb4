/// The request to agents to go on, to slow down, or to stop.
package enum PressureLevel: String, Sendable, CaseIterable, Comparable {
  case ok, slow, stop

  package static func < (left: PressureLevel, right: PressureLevel) -> Bool { left.severity < right.severity }

  /// The level as the metric reports it: 0, 1 or 2.
  package var severity: Int {
    switch self {
    case .ok: 0
    case .slow: 1
    case .stop: 2
    }
  }
}
