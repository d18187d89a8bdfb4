import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct CommitMachineTests {
  private static let retry = RetryPolicy(base: .milliseconds(50), cap: .seconds(10))
  private static let base = Duration.milliseconds(50)

  private static func error(_ fault: FaultClass, unknown: Bool = false, failingEntry: FailingEntry? = nil) -> SinkError {
    SinkError(.fault(fault), "why", isOutcomeUnknown: unknown, hint: "fix it", failingEntry: failingEntry)
  }

  private static func make(lanes: Int = 1, entries: Int = 10, isPiece: Bool = false) -> CommitMachine {
    CommitMachine(retry: retry, laneCount: lanes, entryCount: entries, undecided: entries, isPiece: isPiece)
  }

  /// Returns a machine that failures have brought into a mode.
  private static func machine(_ mode: CommitMode, lanes: Int) -> CommitMachine {
    var machine = make(lanes: lanes)
    if mode == .exact { _ = machine.failed(error(.record), CommitEvidence(), random: 0) }
    if mode == .isolating {
      for failure in 1...CommitMachine.failureLimit { _ = machine.failed(error(.ambiguous), CommitEvidence(renewals: failure), random: 0) }
    }
    #expect(machine.mode == mode)
    return machine
  }

  @Test func `after a batch with many bad records the next begins entry by entry, after one with few it does not`() {
    func outcome(bad: Int, ofPostgres: Bool) -> BatchOutcome {
      let batch = ChangeBatch.of((1...20).map { (EntryID(ms: $0, no: 0), [["type", "messages.cleared"], ["session", "s"]]) })
      let rejection = Rejection(.constraint, "no", sqlstate: ofPostgres ? "23514" : nil)
      return BatchOutcome(batch, outcomes: (0..<bad).map { EntryOutcome(entry: $0, kind: .rejected(rejection)) })
    }
    let limit = CommitMachine.exclusionLimit
    #expect(CommitMachine.expectsBadRecords(after: outcome(bad: limit + 1, ofPostgres: true)))
    #expect(!CommitMachine.expectsBadRecords(after: outcome(bad: limit, ofPostgres: true)))
    #expect(!CommitMachine.expectsBadRecords(after: outcome(bad: 20, ofPostgres: false)))
    #expect(CommitMachine(retry: Self.retry, laneCount: 1, entryCount: 1, undecided: 1, isPiece: false, isExact: true).mode == .exact)
    #expect(CommitMachine(retry: Self.retry, laneCount: 1, entryCount: 1, undecided: 1, isPiece: false).mode == .fast)
  }

  @Test(arguments: [CommitMode.fast, .exact, .isolating], [1, 3])
  func `every fault has its action in every mode`(mode: CommitMode, lanes: Int) {
    func answer(_ error: SinkError) -> CommitMachine.Action {
      var machine = Self.machine(mode, lanes: lanes)
      return machine.failed(error, CommitEvidence(), random: 0)
    }
    #expect(answer(Self.error(.world)) == .retry(after: Self.base, mode))
    #expect(answer(SinkError(.fenced([3, 4]), "")) == .resolveFence([3, 4]))
    #expect(answer(Self.error(.configuration)) == (lanes > 1 ? .split : .halt(reason: "why", hint: "fix it")))
    guard mode != .isolating else { return }
    #expect(answer(Self.error(.record)) == (mode == .fast ? .attempt(.exact) : .retry(after: Self.base, mode)))
    #expect(answer(Self.error(.ambiguous)) == .retry(after: Self.base, mode))
    #expect(answer(Self.error(.interrupted)) == .retry(after: Self.base, mode))
  }

  @Test func `a batch that exceeds a limit is bisected at once, and an entry that exceeds it alone halts its lane`() {
    for isUnknown in [false, true] {
      func answer(lanes: Int, entries: Int, undecided: Int) -> CommitMachine.Action {
        var machine = CommitMachine(retry: Self.retry, laneCount: lanes, entryCount: entries, undecided: undecided, isPiece: false)
        let action = machine.failed(Self.error(.limit, unknown: isUnknown), CommitEvidence(), random: 0)
        return isUnknown ? machine.notCommitted(CommitEvidence(), random: 0) : action
      }
      #expect(answer(lanes: 3, entries: 3, undecided: 3) == .bisect)
      // The large entry may be one that is not applied.
      #expect(answer(lanes: 1, entries: 2, undecided: 0) == .bisect)
      #expect(answer(lanes: 1, entries: 1, undecided: 1) == .halt(reason: "why", hint: "fix it"))
    }
  }

  @Test(arguments: [FaultClass.world, .record, .configuration, .ambiguous, .interrupted], [CommitMode.fast, .exact])
  func `an unknown outcome is resolved before anything else is done, whatever the fault`(fault: FaultClass, mode: CommitMode) {
    var machine = Self.machine(mode, lanes: 2)
    #expect(machine.failed(Self.error(fault, unknown: true), CommitEvidence(), random: 0) == .resolve(after: Self.base))
    #expect(machine.notCommitted(CommitEvidence(), random: 0) == .attempt(mode))
    guard case .resolve = machine.resolveFailed(random: 0.5) else {
      Issue.record("the lanes are read again until they are read")
      return
    }
    guard case .resolveFence([3], after: .some) = machine.resolveFenceFailed([3], random: 0.5) else {
      Issue.record("the lanes that the fence named are read again until they are read")
      return
    }
  }

  @Test(arguments: [true, false]) func `the fifth interruption bisects the batch, whether or not its outcome had to be read`(
    isUnknown: Bool
  ) {
    var machine = Self.make()
    for failure in 1...CommitMachine.failureLimit {
      let evidence = CommitEvidence(renewals: failure)
      for _ in 0..<20 { _ = machine.failed(Self.error(.world), evidence, random: 0.3) }
      var action = machine.failed(Self.error(.interrupted, unknown: isUnknown), evidence, random: 0)
      if isUnknown { action = machine.notCommitted(evidence, random: 0) }
      #expect((action == .bisect) == (failure == CommitMachine.failureLimit), "\(failure): \(action)")
    }
  }

  @Test func `failures that the server can catch are isolated by the server before the batch is bisected`() {
    var machine = Self.make()
    for failure in 1...CommitMachine.failureLimit {
      _ = machine.failed(Self.error(.ambiguous), CommitEvidence(renewals: failure), random: 0)
      #expect(machine.mode == (failure < CommitMachine.failureLimit ? .fast : .isolating))
    }
    #expect(machine.failed(Self.error(.ambiguous), CommitEvidence(renewals: 9), random: 0) == .bisect)
  }

  @Test(arguments: [FaultClass.record, .ambiguous, .interrupted], [true, false])
  func `nothing is isolated while Postgres is not known to commit anything else, however often it fails`(fault: FaultClass, isPiece: Bool) {
    var random = SeededGenerator(seed: 5)
    for entries in [1, 10] {
      var machine = Self.make(entries: entries, isPiece: isPiece)
      for _ in 0..<1_000 {
        let isUnknown = random.chance(30)
        var action = machine.failed(
          Self.error(random.chance(50) ? fault : .world, unknown: isUnknown), CommitEvidence(batches: 7, renewals: 7), random: 0.9)
        if isUnknown { action = machine.notCommitted(CommitEvidence(batches: 7, renewals: 7), random: 0) }
        #expect(action != .bisect)
        if case .deadLetter = action { Issue.record("a dead letter without evidence") }
      }
      #expect(machine.mode != .isolating)
    }
  }

  @Test func `an outage counts once, and an outage with a clear SQLSTATE never`() {
    var machine = Self.make(entries: 1)
    for outage in 1..<CommitMachine.failureLimit {
      for _ in 0..<50 {
        let action = machine.failed(Self.error(.interrupted), CommitEvidence(batches: outage), random: 0)
        #expect(action == .retry(after: Self.base, .fast))
      }
    }
    for commits in 1...1_000 {
      _ = machine.failed(Self.error(.world), CommitEvidence(batches: 1_000 + commits), random: 0)
    }
    #expect(machine.mode == .fast)
  }

  @Test func `an entry that fails alone is dead-lettered when others passed meanwhile, and otherwise a dry run follows`() {
    let rejection = Rejection(
      .rejectedByPostgres, "this entry alone fails repeatedly while others are committed: why", sqlstate: "57014")
    var error = Self.error(.interrupted)
    error.sqlstate = "57014"
    for isProven in [true, false] {
      var machine = Self.make(entries: 1, isPiece: true)
      #expect(machine.failed(error, CommitEvidence(batches: 3, renewals: 3), random: 0) == .retry(after: Self.base, .fast))
      let later = isProven ? CommitEvidence(batches: 4, renewals: 3) : CommitEvidence(batches: 3, renewals: 4)
      #expect(machine.failed(error, later, random: 0) == (isProven ? .deadLetter(rejection) : .dryRun(after: Self.base)))
    }
    // No entry is left to apply: the dead letters wait for Postgres.
    var decided = Self.make(entries: 0, isPiece: true)
    for commits in 0..<100 {
      let action = decided.failed(error, CommitEvidence(batches: commits), random: 0)
      #expect(action == .retry(after: Self.base, .fast))
    }
  }

  @Test func `a bad record that fails even on the exact path is isolated, with its own reason`() {
    var machine = Self.make(entries: 1)
    var error = Self.error(.record)
    error.sqlstate = "23503"
    #expect(machine.failed(error, CommitEvidence(), random: 0) == .attempt(.exact))
    for failure in 1..<CommitMachine.failureLimit { _ = machine.failed(error, CommitEvidence(batches: failure), random: 0) }
    guard case .deadLetter(let rejection) = machine.failed(error, CommitEvidence(batches: 9), random: 0) else {
      Issue.record("it is retried for ever")
      return
    }
    #expect(rejection.reason == .constraint)
    #expect(rejection.sqlstate == "23503")
  }

  /// Returns how many of the failing entries in these lines of 5,000 rows are excluded before the exact path takes over.
  private static func exclusions(_ lines: [Int]) -> Int {
    var machine = make(entries: 5_000)
    for (count, line) in lines.enumerated() {
      let failingEntry = FailingEntry(entry: line, rejection: Rejection(.constraint, ""), progress: Double(line) / 5_000)
      guard machine.failed(error(.record, failingEntry: failingEntry), CommitEvidence(), random: 0) == .exclude(failingEntry) else {
        #expect(machine.mode == .exact)
        return count
      }
    }
    return lines.count
  }

  @Test func `up to eight named failing entries are excluded, beyond that the server applies entry by entry`() {
    #expect(Self.exclusions([1]) == 1)
    #expect(Self.exclusions(Array(4_900..<4_908)) == 8)
    #expect(Self.exclusions(Array(4_900..<4_920)) == 8)
  }

  @Test func `failing entries that come early predict many, and are not excluded one by one`() {
    #expect(Self.exclusions(Array(stride(from: 10, to: 5_000, by: 10))) == 1)
    #expect(Self.exclusions(Array(stride(from: 1_000, to: 5_000, by: 1_000))) == 4)
  }

  @Test func `delays stay within the policy's bounds and grow with repeated failures`() {
    var random = SeededGenerator(seed: 7)
    var machine = Self.make()
    for _ in 0..<200 {
      let action = machine.failed(Self.error(.world), CommitEvidence(), random: Double.random(in: 0..<1, using: &random))
      guard case .retry(let wait, _) = action else { return }
      #expect(wait >= Self.retry.base)
      #expect(wait <= Self.retry.cap)
    }
    var worst = Self.make()
    var waits: [Duration] = []
    for _ in 0..<10 {
      if case .retry(let wait, _) = worst.failed(Self.error(.world), CommitEvidence(), random: 0.999) { waits.append(wait) }
    }
    #expect(waits == waits.sorted())
    #expect(waits.last == Self.retry.cap)
  }
}

@Suite struct CommitResolutionTests {
  @Test func `a lane's cursor shows whether the batch was committed`() {
    let before = LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 1)
    let records = (1...6).map { LaneRecord.named("lane\($0)", id: $0, fence: 5, cursor: before) }
    let entries = [(id: EntryID(ms: 8, no: 0), fields: change("a")), (id: EntryID(ms: 9, no: 0), fields: change("a"))]
    let batch = ChangeBatch.of(records.map { ($0, entries) })
    let settled = BatchOutcome(batch)
    let after = zip(records, settled.lanes).map { $0.advanced(by: $1) }
    #expect(CommitResolution(batch, after.reversed()) == .committed(after))
    #expect(CommitResolution(batch, records) == .notCommitted)
    // The first lane is where the batch ends; the second has another owner, once before and once after; the fourth is at another position;
    // the fifth is gone.
    var now = records
    now[0] = after[0]
    now[1].fence = 6
    now[2] = after[2]
    now[2].fence = 6
    now[3].cursor.position = EntryID(ms: 8, no: 0)
    now.remove(at: 4)
    #expect(CommitResolution(batch, now) == .lost([2, 3, 4, 5]))
    // A transaction is committed as a whole.
    #expect(CommitResolution(batch, [after[0]] + records[1...]) == .lost([2, 3, 4, 5, 6]))
  }

  @Test func `a lane with another number at an equal position was changed by another`() {
    let record = LaneRecord.named("lane", cursor: LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 1))
    let batch = ChangeBatch.of([(EntryID(ms: 8, no: 0), change("a"))], record: record)
    var changed = record
    changed.cursor.appliedNo = 2
    #expect(CommitResolution(batch, [changed]) == .lost([1]))
  }
}
