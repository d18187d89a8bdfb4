import Logging
import Synchronization

/// Keeps what is logged, for tests that ask what was said.
final class CapturedLog: Sendable {
  struct Line: Sendable {
    var event: String
    var level: Logger.Level
    var metadata: [String: String]
  }

  private let kept = Mutex<[Line]>([])

  var lines: [Line] { kept.withLock { $0 } }

  func lines(_ event: String) -> [Line] { lines.filter { $0.event == event } }

  var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

  private struct Handler: LogHandler {
    let log: CapturedLog
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let all = metadata.merging(event.metadata ?? [:]) { $1 }
      log.kept.withLock { $0.append(Line(event: "\(event.message)", level: event.level, metadata: all.mapValues { "\($0)" })) }
    }
  }
}
