package import Logging

extension Logger {
  /// Logs an event at its level. This is the one way to log, so that a misspelt event or key does not compile.
  ///
  /// - Parameters:
  ///   - isAtOtherLevel: the cause is the one for which the event has another level, see ``LoggedEvent/otherLevel``.
  ///   - metadata: evaluated only if events of this level are logged.
  package func log(_ event: LoggedEvent, isAtOtherLevel: Bool = false, _ metadata: @autoclosure () -> LogMetadata = [:]) {
    let level = isAtOtherLevel ? event.otherLevel ?? event.level : event.level
    guard logLevel <= level else { return }
    log(level: level, "\(event.rawValue)", metadata: Metadata(uniqueKeysWithValues: metadata().map { ($0.rawValue, $1) }))
  }
}

extension Logger.MetadataValue {
  /// A number, which a log in JSON writes as one.
  package static func number(_ value: some BinaryInteger & Sendable) -> Logger.MetadataValue {
    .stringConvertible(Int64(clamping: value))
  }

  package static func number(_ value: Double) -> Logger.MetadataValue { .stringConvertible(value) }
}
