import Foundation
import Logging
import UnixSignals

/// SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reloads.
///
/// Runs beside the services, not among them: it has to outlast the beginning of a shutdown.
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
          logger.warning("worker.stopped_at_once")
          // What is not committed is still in Redis, and is read again.
          exit(128 + signal.number)
        }
        isStopping = true
        logger.info("worker.stopping")
        await stop()
      }
    }
  }
}

extension UnixSignal {
  fileprivate var number: Int32 { self == .sigint ? SIGINT : SIGTERM }
}
