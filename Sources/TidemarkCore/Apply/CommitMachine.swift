/// Decides how a batch is committed to Postgres: what to try, what a failure means, and which part to give up at which point.
///
/// It is a value: it takes an event and returns an action. Its caller executes the actions, does the I/O, keeps the time, and draws the
/// random numbers.
package struct CommitMachine: Sendable {
  package enum Action: Sendable, Equatable {
    case attempt(CommitMode)
    /// Wait, then ``attempt`` in the given mode.
    case retry(after: Duration, CommitMode)
    /// It is not known whether the batch was committed: read the lanes, and compare them with the batch.
    case resolve(after: Duration)
    /// These lanes are not as the batch expects. Read them, after the delay where one is given, and follow ``FenceResolution``: either the
    /// batch is built again with new numbers, or the lanes are left out of it and the other lanes are tried again.
    case resolveFence([Int32], after: Duration? = nil)
    /// Commit each lane separately, to find the lane that fails.
    case split
    /// This entry is a dead letter. Mark it in the batch, then ``attempt`` in the machine's mode.
    case exclude(FailingEntry)
    /// Commit small pieces of the batch in order, to find the entry that fails, or because the whole batch exceeds a limit.
    case bisect
    /// The only entry that is left to apply fails alone, while others passed before and after: it is a dead letter.
    case deadLetter(Rejection)
    /// The entry fails alone, but every other entry might fail, too: make a dry run of the entries that follow it, then wait and
    /// ``attempt`` again.
    case dryRun(after: Duration)
    /// Only this lane is in the batch, and only an operator can help.
    case halt(reason: String, hint: String?)
  }

  /// The number of failures of the same entries, each after a commit of others, after which they are isolated.
  static let failureLimit = 5
  /// The limit of failures for a piece of a bisected transaction, whose entries have failed before. It is more than one, so that one
  /// unlucky moment makes no dead letter, and hardly more, because each failure may cost a statement_timeout or a restart of the server.
  static let pieceLimit = 2
  /// The number of bad records that are excluded by the line that COPY names. Beyond it the server applies entry by entry (DESIGN section
  /// 4, "Poison").
  static let exclusionLimit = 8

  package private(set) var mode: CommitMode
  private let retry: RetryPolicy
  private let laneCount: Int
  private let entryCount: Int
  private var undecided: Int
  private var backoff = Backoff()
  private var failureStreak: FailureStreak
  private var exclusions = 0
  /// The error that left the outcome unknown.
  private var unresolved: SinkError?

  /// - Parameters:
  ///   - entryCount: the number of all entries of the batch.
  ///   - undecided: the number of entries of the batch that must be applied.
  ///   - isExact: whether the fast path would fail, because entries may already be there or are probably bad.
  package init(retry: RetryPolicy, laneCount: Int, entryCount: Int, undecided: Int, isPiece: Bool, isExact: Bool = false) {
    mode = isExact ? .exact : .fast
    self.retry = retry
    self.laneCount = laneCount
    self.entryCount = entryCount
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
    case .fault(.limit): return exceeded(error)
    case .fault(.record) where mode == .fast: return refused(error.failingEntry)
    // The exact path already isolates faulty records. A failure that still escapes it says nothing about a single record, so it is treated
    // as ambiguous.
    case .fault(.record), .fault(.ambiguous), .fault(.interrupted):
      return isolation(error, evidence, random) ?? .retry(after: nextWait(random), mode)
    }
  }

  /// Returns whether the next batch should be applied entry by entry from the start: this batch held so many bad records that excluding
  /// them by COPY's errors wasted most of what was written. A batch without so many ends the exact path again.
  package static func expectsBadRecords(after outcome: BatchOutcome) -> Bool {
    outcome.deadLetters.count { $0.rejection.sqlstate != nil } > exclusionLimit
  }

  package mutating func resolveFailed(random: Double) -> Action {
    .resolve(after: nextWait(random))
  }

  /// Handles that the lanes which the fence named could not be read. This worker may still own them, and entries of a stream that is gone
  /// could not be read again, so the batch is not given up.
  package mutating func resolveFenceFailed(_ lanes: [Int32], random: Double) -> Action {
    .resolveFence(lanes, after: nextWait(random))
  }

  /// Handles that the lanes were read and the batch was not committed.
  package mutating func notCommitted(_ evidence: CommitEvidence, random: Double) -> Action {
    defer { unresolved = nil }
    if let unresolved, unresolved.kind == .fault(.limit) { return exceeded(unresolved) }
    guard let unresolved, case .fault(let fault) = unresolved.kind, fault == .interrupted || fault == .ambiguous else {
      return .attempt(mode)
    }
    return isolation(unresolved, evidence, random) ?? .attempt(mode)
  }

  /// Handles a batch that needs more than a limit allows. Its entries are not at fault, and waiting changes nothing.
  private func exceeded(_ error: SinkError) -> Action {
    laneCount > 1 || entryCount > 1 ? .bisect : .halt(reason: error.description, hint: error.hint)
  }

  /// Handles a bad record in the fast path. Where the record is known and there seem to be few bad ones, the other entries go on without
  /// it.
  private mutating func refused(_ failingEntry: FailingEntry?) -> Action {
    // The bad records before this one were in the rows before it, so the remaining rows probably hold as many in proportion.
    guard let failingEntry, exclusions < Self.exclusionLimit,
      Double(exclusions) <= Double(Self.exclusionLimit) * failingEntry.progress
    else {
      mode = .exact
      return .attempt(mode)
    }
    exclusions += 1
    undecided -= 1
    return .exclude(failingEntry)
  }

  /// Returns the next action once the failure streak has reached its limit, and nil before.
  private mutating func isolation(_ error: SinkError, _ evidence: CommitEvidence, _ random: Double) -> Action? {
    failureStreak.failed(evidence)
    guard failureStreak.hasReachedLimit else { return nil }
    if error.kind == .fault(.ambiguous), mode != .isolating {
      // The server can catch this failure, and finds all such entries in one attempt.
      mode = .isolating
      return nil
    }
    if laneCount > 1 || undecided > 1 { return .bisect }
    guard undecided == 1 else { return nil }
    return failureStreak.isProven(by: evidence) ? .deadLetter(Rejection(isolated: error)) : .dryRun(after: nextWait(random))
  }

  private mutating func nextWait(_ random: Double) -> Duration { backoff.next(retry, random: random) }
}

extension Rejection {
  /// Creates the rejection of an entry that failed alone.
  fileprivate init(isolated error: SinkError) {
    self.init(
      error.sqlstate?.hasPrefix("23") == true ? .constraint : .rejectedByPostgres,
      "this entry alone fails repeatedly while others are committed: \(error.description)", sqlstate: error.sqlstate)
  }
}
