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
    /// These lanes are not as the batch expects. Read them, after a wait where one is given, and see ``FenceResolution``: the batch is made
    /// again with new numbers, or they are left out of it and the rest is tried again.
    case resolveFence([Int32], after: Duration? = nil)
    /// Commit each lane alone, to learn which one it is.
    case split
    /// This entry is a dead letter. Mark it in the batch, then ``attempt`` in the machine's mode.
    case exclude(FailingEntry)
    /// Commit small pieces of the batch in order, to learn which entry it is.
    case bisect
    /// The only entry that is left to apply fails alone, before and after others passed: it is a dead letter.
    case deadLetter(Rejection)
    /// It fails alone, but so might every other: see whether what follows it would pass, then wait and ``attempt`` again.
    case dryRun(after: Duration)
    /// Nothing but this lane is in the batch, and only an operator can help.
    case halt(reason: String, hint: String?)
  }

  /// Failures of the same entries, each after a commit of others, before they are isolated.
  static let failureLimit = 5
  /// The same for a piece of what was taken apart, whose entries have failed before. More than one, so that one unlucky moment
  /// condemns nobody; hardly more, since each may cost a statement_timeout or a restart of the server.
  static let pieceLimit = 2
  /// Bad records that are cut out by the line that COPY names; beyond, the server goes entry by entry (DESIGN section 4, "Poison").
  static let cutOutLimit = 8

  package private(set) var mode: CommitMode
  private let retry: RetryPolicy
  private let laneCount: Int
  private var undecided: Int
  private var lastWait: Duration?
  private var failureStreak: FailureStreak
  private var cutOuts = 0
  /// Why the outcome is unknown.
  private var unresolved: SinkError?

  /// - Parameters:
  ///   - undecided: the entries of the batch that shall be applied.
  ///   - isExact: the fast path would fail: some of it may be there already, or is bad as likely as not.
  package init(retry: RetryPolicy, laneCount: Int, undecided: Int, isPiece: Bool, isExact: Bool = false) {
    mode = isExact ? .exact : .fast
    self.retry = retry
    self.laneCount = laneCount
    self.undecided = undecided
    failureStreak = FailureStreak(limit: isPiece ? Self.pieceLimit : Self.failureLimit)
  }

  package mutating func failed(_ error: SinkError, _ evidence: CommitEvidence, random: Double) -> Action {
    guard !error.isOutcomeUnknown else {
      unresolved = error
      return .resolve(after: nextWait(random))
    }
    switch error.kind {
    case .fenced(let lanes): return .resolveFence(lanes)
    case .fault(.world): return .retry(after: nextWait(random), mode)
    case .fault(.configuration):
      return laneCount > 1 ? .split : .halt(reason: error.description, hint: error.hint)
    case .fault(.record) where mode == .fast: return refused(error.failingEntry)
    // Of the exact path nothing is left to say that one record is at fault: what fails there is as good as unknown.
    case .fault(.record), .fault(.ambiguous), .fault(.interrupted):
      return isolation(error, evidence, random) ?? .retry(after: nextWait(random), mode)
    }
  }

  /// Whether the next batch is better applied entry by entry from the start: this one held so many bad records that asking COPY for them one by
  /// one only wasted what it had written. One batch without ends it.
  package static func expectsBadRecords(after outcome: BatchOutcome) -> Bool {
    outcome.deadLetters.count { $0.rejection.sqlstate != nil } > cutOutLimit
  }

  package mutating func resolveFailed(random: Double) -> Action {
    .resolve(after: nextWait(random))
  }

  /// The lanes that the fence named could not be read. They may be ours all the same, and what was read of a stream that is gone could not be
  /// read again: it is not given up for that.
  package mutating func resolveFenceFailed(_ lanes: [Int32], random: Double) -> Action {
    .resolveFence(lanes, after: nextWait(random))
  }

  /// The lanes were read, and the batch is not in.
  package mutating func notCommitted(_ evidence: CommitEvidence, random: Double) -> Action {
    defer { unresolved = nil }
    guard let unresolved, case .fault(let fault) = unresolved.kind, fault == .interrupted || fault == .ambiguous else {
      return .attempt(mode)
    }
    return isolation(unresolved, evidence, random) ?? .attempt(mode)
  }

  /// A bad record in the fast path. Where it is known and there seem to be few of them, the rest goes on without it.
  private mutating func refused(_ failingEntry: FailingEntry?) -> Action {
    // Those before it came in the rows before it: as many again are to be expected in as many rows.
    guard let failingEntry, cutOuts < Self.cutOutLimit, Double(cutOuts) <= Double(Self.cutOutLimit) * failingEntry.progress else {
      mode = .exact
      return .attempt(mode)
    }
    cutOuts += 1
    undecided -= 1
    return .exclude(failingEntry)
  }

  /// What to do once the entries are suspicious enough; nil while they are not.
  private mutating func isolation(_ error: SinkError, _ evidence: CommitEvidence, _ random: Double) -> Action? {
    failureStreak.failed(evidence)
    guard failureStreak.isFirm else { return nil }
    if error.kind == .fault(.ambiguous), mode != .isolating {
      // The server can catch it, and finds all such entries in one go.
      mode = .isolating
      return nil
    }
    if laneCount > 1 || undecided > 1 { return .bisect }
    guard undecided == 1 else { return nil }
    return failureStreak.isProven(by: evidence) ? .deadLetter(Rejection(isolated: error)) : .dryRun(after: nextWait(random))
  }

  private mutating func nextWait(_ random: Double) -> Duration {
    let wait = retry.wait(after: lastWait, random: random)
    lastWait = wait
    return wait
  }
}

extension Rejection {
  /// Of an entry that failed alone.
  fileprivate init(isolated error: SinkError) {
    self.init(
      error.sqlstate?.hasPrefix("23") == true ? .constraint : .rejectedByPostgres,
      "it fails again and again, and alone, while others are committed: \(error.description)", sqlstate: error.sqlstate)
  }
}
