internal import Logging
internal import Synchronization
internal import TidemarkCore
internal import TidemarkLog

/// Writes to the log what ``FailureReport`` decides of one kind of work, for each of its parts by itself. Safe from any task.
final class FailureLog<Part: Hashable & Sendable>: Sendable {
  private let reports = Mutex<[Part: FailureReport]>([:])
  private let failing: LoggedEvent
  private let recovered: LoggedEvent?
  private let clock: any WorkerClock
  private let logger: Logger

  /// - Parameters:
  ///   - failing: the event of a failure.
  ///   - recovered: the event of its end; nil where nothing is to be said of that.
  init(failing: LoggedEvent, recovered: LoggedEvent?, clock: any WorkerClock, logger: Logger) {
    self.failing = failing
    self.recovered = recovered
    self.clock = clock
    self.logger = logger
  }

  func failed(_ part: Part, _ reason: String, isAtOtherLevel: Bool = false, _ metadata: LogMetadata = [:]) {
    let isNews = reports.withLock { reports in
      // Nothing is kept of many parts that are well.
      if reports.count > 1_000 { reports = reports.filter { $0.value.reason != nil } }
      return reports[part, default: FailureReport()].failed(reason, now: clock.now)
    }
    guard isNews else { return }
    logger.log(failing, isAtOtherLevel: isAtOtherLevel, metadata.merging([.reason: "\(reason)"]) { $1 })
  }

  /// The same of work that follows others: that a server is away is said by those.
  func failed(_ part: Part, _ error: any Error, _ metadata: LogMetadata = [:]) {
    let isOutage = (error as? SinkError)?.isUnreachable ?? (error as? SourceError)?.isRetryable ?? false
    if isOutage {
      logger.log(failing, isAtOtherLevel: true, metadata.merging([.reason: "\(error)"]) { $1 })
    } else {
      failed(part, "\(error)", metadata.merging([.hint: "\((error as? SinkError)?.hint ?? "")"]) { $1 })
    }
  }

  func succeeded(_ part: Part, _ metadata: LogMetadata = [:]) {
    if reports.withLock({ $0[part]?.succeeded() ?? false }), let recovered { logger.log(recovered, metadata) }
  }

  /// Several parts at once, of which mostly none had failed.
  func succeeded(_ parts: some Sequence<Part>, _ metadata: (Part) -> LogMetadata) {
    let recoveries = reports.withLock { reports in reports.isEmpty ? [] : parts.filter { reports[$0]?.succeeded() ?? false } }
    guard let recovered else { return }
    for part in recoveries { logger.log(recovered, metadata(part)) }
  }

  /// Why parts fail at the moment.
  var reasons: [Part: String] { reports.withLock { $0.compactMapValues(\.reason) } }
}

extension FailureLog where Part == String {
  /// For work that has no parts.
  func failed(_ reason: String, isAtOtherLevel: Bool = false, _ metadata: LogMetadata = [:]) {
    failed("", reason, isAtOtherLevel: isAtOtherLevel, metadata)
  }

  func failed(_ error: any Error) { failed("", error) }

  func succeeded(_ metadata: LogMetadata = [:]) { succeeded("", metadata) }
}
