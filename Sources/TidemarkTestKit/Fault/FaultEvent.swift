/// What a ``FaultProxy`` reports as it happens.
package enum FaultEvent: Sendable, Hashable, CustomStringConvertible {
  /// A segment that completed this text is held back.
  case held(FaultDirection, String)
  /// A segment that completed this text was thrown away, and its connection was ended.
  case lost(FaultDirection, String)

  /// As a line of `fault-proxy`'s output says it.
  package var description: String {
    switch self {
    case .held(let direction, let text): "held \(direction.rawValue) \(text)"
    case .lost(let direction, let text): "lost \(direction.rawValue) \(text)"
    }
  }
}
