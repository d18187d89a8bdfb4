/// Decides how a batch gets into Postgres: what to try, what a failure means, and when to give up on which part.
///
/// A value: event in, action out. Whoever executes the actions does the I/O, keeps the time and draws the random numbers.
package struct CommitMachine: Sendable {
  package enum Action: Sendable, Equatable {
    case attempt(CommitMode)
    /// Wait, then ``attempt`` in the machine's mode.
    case retry(after: Duration, CommitMode)
    /// It is not known whether the batch is in: read the lanes, and see whether the batch is in.
    case resolve(after: Duration)
    /// Leave these lanes out: another owner has them, or somebody changed them. The rest is tried again.
    case drop([Int32])
    /// Commit each lane alone, to learn which one it is.
    case split
    /// Nothing but this lane is in the batch, and only an operator can help.
    case halt(reason: String, hint: String?)
  }

  /// Failures of the same entries before they are taken apart.
  static let ambiguousLimit = 5

  package private(set) var mode = CommitMode.fast
  private let retry: RetryPolicy
  private let laneCount: Int
  private var lastWait: Duration?
  private var ambiguousFailures = 0

  package init(retry: RetryPolicy, laneCount: Int) {
    self.retry = retry
    self.laneCount = laneCount
  }

  package mutating func failed(_ error: SinkError, random: Double) -> Action {
    if error.isOutcomeUnknown { return .resolve(after: nextWait(random)) }
    switch error.kind {
    case .fenced(let lanes): return .drop(lanes)
    case .fault(.world): return .retry(after: nextWait(random), mode)
    case .fault(.record):
      // Of the exact path nothing is left to say that one record is at fault: what fails there is as good as unknown.
      guard mode == .fast else { return ambiguous(random) }
      mode = .exact
      return .attempt(mode)
    case .fault(.configuration):
      return laneCount > 1 ? .split : .halt(reason: error.description, hint: error.hint)
    case .fault(.ambiguous): return ambiguous(random)
    }
  }

  package mutating func resolveFailed(random: Double) -> Action {
    .resolve(after: nextWait(random))
  }

  /// The lanes were read, and the batch is not in.
  package func notCommitted() -> Action { .attempt(mode) }

  private mutating func ambiguous(_ random: Double) -> Action {
    ambiguousFailures += 1
    if ambiguousFailures >= Self.ambiguousLimit { mode = .isolating }
    return .retry(after: nextWait(random), mode)
  }

  private mutating func nextWait(_ random: Double) -> Duration {
    let wait = retry.wait(after: lastWait, random: random)
    lastWait = wait
    return wait
  }
}
