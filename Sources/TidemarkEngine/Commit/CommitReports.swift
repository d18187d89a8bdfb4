internal import Logging
internal import Synchronization
internal import TidemarkCore
internal import TidemarkLog

/// What the log says of commits: why batches are tried again, that they are through, and how many dead letters there were. All writers of a
/// worker share it. Safe from any task.
final class CommitReports: Sendable {
  private let retries: FailureLog<String>
  private let bisections: FailureLog<String>
  private let burst = Mutex(RejectionBurst())
  private let clock: any WorkerClock
  private let logger: Logger

  init(clock: any WorkerClock, logger: Logger) {
    self.clock = clock
    self.logger = logger
    retries = FailureLog(failing: .commitRetry, recovered: .commitResumed, clock: clock, logger: logger)
    bisections = FailureLog(failing: .batchBisected, recovered: nil, clock: clock, logger: logger)
  }

  /// A batch of these lanes is tried again after `wait`. An outage concerns no batch more than the others, and has a line of its own.
  func retried(_ lanes: [String], _ error: SinkError, wait: Duration) {
    guard !error.isUnreachable, let first = lanes.first else { return }
    retries.failed(
      first, error.description,
      [.lane: "\(first)", .lanes: .number(lanes.count), .waitSeconds: .number(wait.seconds), .hint: "\(error.hint ?? "")"])
  }

  /// A batch of these lanes goes in pieces. Said once for each reason: under a limit every large batch does.
  func bisected(_ lanes: [String], entries: Int, _ error: SinkError) {
    bisections.failed(
      lanes[0], error.description,
      [.lane: "\(lanes[0])", .lanes: .number(lanes.count), .entries: .number(entries), .hint: "\(error.hint ?? "")"])
  }

  func committed(_ lanes: [String]) {
    retries.succeeded(lanes) { [.lane: "\($0)"] }
  }

  /// An entry of a lane became a dead letter.
  func rejected(_ reason: String, lane: String) {
    burst.withLock { $0.add(reason, lane: lane, now: clock.now) }
  }

  /// Says how many dead letters there were, where that is due.
  func saySummary(isLast: Bool = false) {
    guard let summary = burst.withLock({ $0.take(now: clock.now, isLast: isLast) }) else { return }
    let lanes = "\(summary.lanes.prefix(10).joined(separator: ", "))\(summary.lanes.count > 10 ? ", ..." : "")"
    let reasons = summary.reasons.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
    logger.log(
      .deadLettersAdded,
      [
        .count: .number(summary.count), .reasons: "\(reasons)", .hint: "see `tidemark dead-letters list`",
        .lane: summary.lanes.count == 1 ? "\(lanes)" : "", .lanes: summary.lanes.count == 1 ? "" : "\(lanes)",
      ])
  }
}
