internal import Logging
internal import TidemarkCore

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
      logger.error("lane.halted", metadata: ["lane": "\(lane)", "reason": "\(reason)", "hint": "\(hint ?? "")"])
    case .laneResumed(let lane): logger.info("lane.resumed", metadata: ["lane": "\(lane)"])
    case .lanePaused(let lane): logger.info("lane.paused", metadata: ["lane": "\(lane)"])
    case .postgresUnreachable(let reason):
      logger.warning(
        "postgres.unreachable",
        metadata: ["reason": "\(reason)", "effect": "what was read waits; nothing more is read than the buffer holds"])
    case .postgresReachable: logger.info("postgres.reachable")
    case .claimConfirmed: logger.info("installation.confirmed")
    case .claimRefused(let reason, let hint):
      logger.error(
        "installation.refused",
        metadata: ["reason": "\(reason)", "hint": "\(hint)", "effect": "all lanes are released; nothing is read, published or trimmed"])
    }
  }
}
