import Testing

@testable import TidemarkCore

@Suite struct CommitMachineTests {
  private static let retry = RetryPolicy(base: .milliseconds(50), cap: .seconds(10))

  private static func error(_ fault: FaultClass, unknown: Bool = false) -> SinkError {
    SinkError(.fault(fault), "why", isOutcomeUnknown: unknown, hint: "mend")
  }

  /// A machine brought into a mode by what leads there.
  private static func machine(_ mode: CommitMode, lanes: Int) -> CommitMachine {
    var machine = CommitMachine(retry: retry, laneCount: lanes)
    if mode == .exact { _ = machine.failed(error(.record), random: 0) }
    if mode == .isolating { for _ in 0..<CommitMachine.ambiguousLimit { _ = machine.failed(error(.ambiguous), random: 0) } }
    #expect(machine.mode == mode)
    return machine
  }

  @Test(arguments: [CommitMode.fast, .exact, .isolating], [1, 3])
  func `every fault has its answer in every mode`(mode: CommitMode, lanes: Int) {
    let base = Duration.milliseconds(50)
    var machine = Self.machine(mode, lanes: lanes)
    #expect(machine.failed(Self.error(.world), random: 0) == .retry(after: base, mode))
    machine = Self.machine(mode, lanes: lanes)
    #expect(machine.failed(SinkError(.fenced([3, 4]), ""), random: 0) == .drop([3, 4]))
    machine = Self.machine(mode, lanes: lanes)
    #expect(
      machine.failed(Self.error(.configuration), random: 0) == (lanes > 1 ? .split : .halt(reason: "why", hint: "mend")))
    machine = Self.machine(mode, lanes: lanes)
    #expect(machine.failed(Self.error(.record), random: 0) == (mode == .fast ? .attempt(.exact) : .retry(after: base, mode)))
    machine = Self.machine(mode, lanes: lanes)
    #expect(machine.failed(Self.error(.ambiguous), random: 0) == .retry(after: base, mode))
  }

  @Test(arguments: [FaultClass.world, .record, .configuration, .ambiguous], [CommitMode.fast, .exact, .isolating])
  func `an unknown outcome is resolved before anything else is done, whatever the fault`(fault: FaultClass, mode: CommitMode) {
    var machine = Self.machine(mode, lanes: 2)
    #expect(machine.failed(Self.error(fault, unknown: true), random: 0) == .resolve(after: .milliseconds(50)))
    #expect(machine.notCommitted() == .attempt(mode))
    guard case .resolve = machine.resolveFailed(random: 0.5) else {
      Issue.record("the lanes are read again until they are read")
      return
    }
  }

  @Test func `the fifth ambiguous failure takes the entries apart, outages between them don't count`() {
    var machine = CommitMachine(retry: Self.retry, laneCount: 1)
    for failure in 1...CommitMachine.ambiguousLimit {
      for _ in 0..<20 { _ = machine.failed(Self.error(.world), random: 0.3) }
      _ = machine.failed(Self.error(.world, unknown: true), random: 0.3)
      guard case .retry(_, let mode) = machine.failed(Self.error(.ambiguous), random: 0.3) else {
        Issue.record("an ambiguous failure is retried")
        return
      }
      #expect(mode == (failure < CommitMachine.ambiguousLimit ? .fast : .isolating))
    }
  }

  @Test func `no number of outages makes a dead letter`() {
    var machine = CommitMachine(retry: Self.retry, laneCount: 1)
    for _ in 0..<1_000 { _ = machine.failed(Self.error(.world), random: 0.9) }
    #expect(machine.mode == .fast)
  }

  @Test func `a bad record that the exact path still fails on is isolated after a while`() {
    var machine = CommitMachine(retry: Self.retry, laneCount: 1)
    #expect(machine.failed(Self.error(.record), random: 0) == .attempt(.exact))
    for _ in 0..<CommitMachine.ambiguousLimit { _ = machine.failed(Self.error(.record), random: 0) }
    #expect(machine.mode == .isolating)
  }

  @Test func `waits stay within the policy's bounds and grow under pressure`() {
    var random = SeededGenerator(seed: 7)
    var machine = CommitMachine(retry: Self.retry, laneCount: 1)
    for _ in 0..<200 {
      guard case .retry(let wait, _) = machine.failed(Self.error(.world), random: Double.random(in: 0..<1, using: &random)) else { return }
      #expect(wait >= Self.retry.base)
      #expect(wait <= Self.retry.cap)
    }
    var worst = CommitMachine(retry: Self.retry, laneCount: 1)
    var waits: [Duration] = []
    for _ in 0..<10 {
      if case .retry(let wait, _) = worst.failed(Self.error(.world), random: 0.999) { waits.append(wait) }
    }
    #expect(waits == waits.sorted())
    #expect(waits.last == Self.retry.cap)
  }
}

@Suite struct CommitResolutionTests {
  @Test func `a lane says by its cursor whether the batch is in`() {
    let before = LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 1, seal: [1])
    let records = (1...6).map { LaneRecord.named("lane\($0)", id: $0, fence: 5, cursor: before) }
    let entries = [(id: EntryID(ms: 8, no: 0), fields: change("a")), (id: EntryID(ms: 9, no: 0), fields: change("a"))]
    let batch = ChangeBatch.of(records.map { ($0, entries) })
    let settled = Settlement(batch)
    var now = records
    now[0] = now[0].advanced(by: settled.lanes[0])
    // The second is where it was; the third has another owner, once before and once after; the fifth stands elsewhere.
    now[2].fence = 6
    now[3] = now[3].advanced(by: settled.lanes[3])
    now[3].fence = 6
    now[4].cursor.position = EntryID(ms: 8, no: 0)
    // The sixth is gone.
    now.removeLast()
    let resolution = CommitResolution(batch, now.reversed())
    #expect(resolution.committed == [0: now[0]])
    #expect(resolution.notCommitted == [1])
    #expect(resolution.lost == [2, 3, 4, 5])
  }

  @Test func `a lane with another number or seal at the same position was changed by somebody`() {
    let record = LaneRecord.named("lane", cursor: LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 1, seal: [1]))
    let batch = ChangeBatch.of([(EntryID(ms: 8, no: 0), change("a"))], record: record)
    for other in [
      LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 2, seal: [1]),
      LaneCursor(position: EntryID(ms: 1, no: 0), appliedNo: 1, seal: []),
    ] {
      var changed = record
      changed.cursor = other
      #expect(CommitResolution(batch, [changed]).lost == [0])
    }
  }
}
