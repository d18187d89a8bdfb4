internal import Logging
internal import Synchronization
internal import TidemarkCore
internal import TidemarkLog

/// Says of each lane what Redis refuses of it, and that it is not refused any more. One lane's key stops no other lane, so this line is all
/// that tells.
final class LaneRefusals: Sendable {
  /// What was asked for.
  enum Purpose: String {
    case inspect, trim, publish, pressure
  }

  private struct Refusal: Hashable {
    var lane: String
    var purpose: Purpose
  }

  private let known = Mutex<[Refusal: FailureReport]>([:])
  private let clock: any WorkerClock
  private let logger: Logger

  init(clock: any WorkerClock, logger: Logger) {
    self.clock = clock
    self.logger = logger
  }

  func note(_ error: SourceError, of lane: String, _ purpose: Purpose) {
    let refusal = Refusal(lane: lane, purpose: purpose)
    guard known.withLock({ $0[refusal, default: FailureReport()].failed(error.description, now: clock.now) }) else { return }
    logger.log(.laneRefused, [.lane: "\(lane)", .purpose: "\(purpose.rawValue)", .reason: "\(error.description)"])
  }

  /// It is not refused any more.
  func clear(_ lanes: some Sequence<String>, _ purpose: Purpose) {
    let over = known.withLock { known in
      known.isEmpty ? [] : lanes.filter { known.removeValue(forKey: Refusal(lane: $0, purpose: purpose)) != nil }
    }
    for lane in over { logger.log(.laneAccepted, [.lane: "\(lane)", .purpose: "\(purpose.rawValue)"]) }
  }
}
