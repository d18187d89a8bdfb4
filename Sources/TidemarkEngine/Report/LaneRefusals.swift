internal import Logging
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

  private let failures: FailureLog<Refusal>

  init(clock: any WorkerClock, logger: Logger) {
    failures = FailureLog<Refusal>(failing: .laneRefused, recovered: .laneAccepted, clock: clock, logger: logger)
  }

  func note(_ error: SourceError, of lane: String, _ purpose: Purpose) {
    failures.failed(
      Refusal(lane: lane, purpose: purpose), error.description, [.lane: "\(lane)", .purpose: "\(purpose.rawValue)"])
  }

  /// It is not refused any more.
  func clear(_ lanes: some Sequence<String>, _ purpose: Purpose) {
    failures.succeeded(lanes.lazy.map { Refusal(lane: $0, purpose: purpose) }) {
      [.lane: "\($0.lane)", .purpose: "\($0.purpose.rawValue)"]
    }
  }
}
