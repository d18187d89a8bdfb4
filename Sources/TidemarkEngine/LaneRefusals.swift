internal import Logging
internal import Synchronization
internal import TidemarkCore

/// Says once of each lane what Redis refuses of it, and again only after it was well in between. One lane's key stops no other lane, so this line
/// is all that tells.
final class LaneRefusals: Sendable {
  /// What was asked for.
  enum Purpose: String {
    case inspect, trim, publish, pressure
  }

  private struct Refusal: Hashable {
    var lane: String
    var purpose: Purpose
  }

  private let known = Mutex<Set<Refusal>>([])
  private let logger: Logger

  init(logger: Logger) {
    self.logger = logger
  }

  func note(_ error: SourceError, of lane: String, _ purpose: Purpose) {
    guard known.withLock({ $0.insert(Refusal(lane: lane, purpose: purpose)).inserted }) else { return }
    logger.error("lane.refused", metadata: ["lane": "\(lane)", "purpose": "\(purpose.rawValue)", "reason": "\(error.description)"])
  }

  /// It is not refused any more.
  func clear(_ lanes: some Sequence<String>, _ purpose: Purpose) {
    known.withLock { known in
      guard !known.isEmpty else { return }
      for lane in lanes { known.remove(Refusal(lane: lane, purpose: purpose)) }
    }
  }
}
