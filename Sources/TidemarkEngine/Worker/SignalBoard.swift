internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// A signal for each of ``WorkerSignals``.
struct SignalBoard: Sendable {
  private let all = (0..<WorkerSignals.count).map { _ in ChangeSignal() }

  /// - Parameter signal: a single one.
  subscript(signal: WorkerSignals) -> ChangeSignal { all[signal.rawValue.trailingZeroBitCount] }

  func raise(_ effects: WorkerEffects) {
    for index in all.indices where effects.signals.rawValue & 1 << index != 0 { all[index].raise() }
    if effects.wakesOneWriter, !effects.signals.contains(.committable) { self[.committable].raiseForOne() }
  }
}

extension WorkerNotice {
  func log(to logger: Logger) {
    switch self {
    case .laneHalted(let lane, let reason, let hint):
      logger.log(.laneHalted, [.lane: "\(lane)", .reason: "\(reason)", .hint: "\(hint ?? "")"])
    case .laneResumed(let lane): logger.log(.laneResumed, [.lane: "\(lane)"])
    case .lanePaused(let lane): logger.log(.lanePaused, [.lane: "\(lane)"])
    case .postgresUnreachable(let reason):
      logger.log(
        .postgresUnreachable,
        [.reason: "\(reason)", .effect: "what was read waits; nothing more is read than the buffer holds"])
    case .postgresReachable: logger.log(.postgresReachable)
    case .claimConfirmed: logger.log(.installationConfirmed)
    case .claimRefused(let reason, let hint):
      logger.log(
        .installationRefused,
        [.reason: "\(reason)", .hint: "\(hint)", .effect: "all lanes are released; nothing is read, published or trimmed"])
    }
  }
}
