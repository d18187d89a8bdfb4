import Foundation
import Logging
import TidemarkLog
import UnixSignals

/// Handles signals: the first SIGTERM or SIGINT stops gracefully, a second one stops at once, and SIGHUP reloads.
///
/// Runs beside the services, not as one of them, because it must outlive the start of a shutdown.
struct SignalWatch {
  let reload: @Sendable () async -> Void
  let stop: @Sendable () async -> Void
  let logger: Logger

  func run() async {
    var isStopping = false
    for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
      switch signal {
      case .sighup: await reload()
      default:
        if isStopping {
          logger.log(.workerStoppedAtOnce)
          // Entries that are not committed are still in Redis and are read again.
          exit(128 + signal.number)
        }
        isStopping = true
        logger.log(.workerStopping)
        await stop()
      }
    }
  }
}

extension UnixSignal {
  fileprivate var number: Int32 { self == .sigint ? SIGINT : SIGTERM }
}
