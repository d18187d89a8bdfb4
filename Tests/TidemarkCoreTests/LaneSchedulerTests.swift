import Testing

@testable import TidemarkCore

let epoch = ContinuousClock.now

func flowLimits(
  maxEntries: Int = 100, maxBytes: Int = 1_000, maxDelay: Duration = .zero, bufferBytes: Int = 100_000, haltAfter: Int = 1_000
) -> FlowLimits {
  FlowLimits(
    maxEntries: maxEntries, maxBytes: maxBytes, maxDelay: maxDelay, bufferBytes: bufferBytes, maxEntryBytes: 10_000,
    haltAfterDeadLetters: haltAfter, haltBackoff: .seconds(5))
}

extension LaneScheduler {
  /// Returns the next read that is due at once.
  mutating func nextRead(block: Duration, at now: ContinuousClock.Instant = epoch) -> LaneReadRequest? {
    var next = nextRead(block: block, now: now)
    // The checks of streams belong to other tests.
    while case .check = next { next = nextRead(block: block, now: now) }
    return if case .read(let request) = next { request } else { nil }
  }

  /// Reads entries of these sizes for the only lane that is requested.
  mutating func readOne(_ sizes: [Int], now: ContinuousClock.Instant = epoch) {
    guard let request = nextRead(block: .zero) else { return }
    received(.sized(sizes, first: request.positions[0].after.ms + 1), for: request, now: now)
  }

  mutating func takeWork(now: ContinuousClock.Instant = epoch) -> Work? {
    if case .work(let work) = nextWork(now: now) { work } else { nil }
  }
}

/// Requires the result of a mutating call, which `#require` can't contain.
func wanted<T>(_ value: T?, sourceLocation: SourceLocation = #_sourceLocation) throws -> T {
  try #require(value, sourceLocation: sourceLocation)
}

extension LaneScheduler.Work.Part {
  var ids: [UInt64] { chunks.flatMap { chunk in chunk.entries.map { chunk.block.entries[$0].id.ms } } }

  /// The record after all entries of the part are committed.
  var committed: LaneRecord {
    var record = record
    record.cursor.position = EntryID(ms: ids.last ?? 0, no: 0)
    record.cursor.appliedNo += Int64(ids.count)
    record.ordinal += UInt64(ids.count)
    return record
  }
}

@Suite struct LaneSchedulerTests {
  static func owning(_ names: [String] = ["a"], limits: FlowLimits = flowLimits()) -> LaneScheduler {
    var scheduler = LaneScheduler(limits: limits)
    for (index, name) in names.enumerated() { scheduler.acquire(.named(name, id: Int32(index + 1))) }
    return scheduler
  }

  @Test func `no request is made without lanes, without credit, or while draining`() {
    var scheduler = LaneScheduler(limits: flowLimits())
    #expect(scheduler.nextRead(block: .zero) == nil)
    scheduler = Self.owning(limits: flowLimits(bufferBytes: 300))
    #expect(scheduler.nextRead(block: .seconds(1))?.budget == 300)
    scheduler.readOne([400])
    #expect(scheduler.nextRead(block: .zero) == nil)
    scheduler = Self.owning()
    scheduler.beginDrain()
    #expect(scheduler.nextRead(block: .zero) == nil)
    #expect(scheduler.isDrained)
  }

  @Test func `an id that bigint can't hold stops no lane`() {
    var scheduler = Self.owning(["a", "b"])
    guard let request = scheduler.nextRead(block: .zero) else { return #expect(Bool(false), "nothing is read") }
    var block = EntryBlock(id: EntryID(ms: UInt64(Int64.max) + 1, no: 0), raw: [])
    block.entries.append(.init(id: EntryID(ms: 1, no: 0), firstField: 0, fieldCount: 0))
    block.sections.append(.init(lane: 1, entries: 1..<2))
    scheduler.received(block, for: request, now: epoch)
    #expect(scheduler.takeWork()?.parts.map(\.record.name) == ["a", "b"])
  }

  @Test func `entries that were there when a lane was acquired are known to be lost if the stream goes before one of them is read`() throws
  {
    var scheduler = LaneScheduler(limits: flowLimits())
    scheduler.acquire(.named("a"), knownAdded: 7)
    let check = try #require(scheduler.lanes["a"]?.check)
    let replacement = StreamReplacement(.flushed, atLeast: 7, after: .zero)
    let gone = ObservedStream(stream: nil, hasGroup: false, anchor: .gone)
    #expect(scheduler.checked(StreamComparison(check, gone, anchor: .gone)) == .replacement(replacement))
  }

  @Test(arguments: [LaneScheduler.PartResult.halted(reason: "permission denied", hint: nil), .unproven])
  func `a lane whose stream is gone is released once its read entries are committed`(result: LaneScheduler.PartResult)
    throws
  {
    var scheduler = Self.owning()
    scheduler.readOne([10, 10])
    let check = try #require(scheduler.lanes["a"]?.check)
    let gone = ObservedStream(stream: nil, hasGroup: false, anchor: .gone)
    #expect(
      scheduler.checked(StreamComparison(check, gone, anchor: .gone))
        == .replacement(StreamReplacement(.flushed, atLeast: 0, after: check.countedPosition)))
    #expect(scheduler.lanes["a"]?.closing == .replaced)
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, result, now: epoch)
    #expect(scheduler.credit.used > 0)
    if result != .unproven {
      #expect(scheduler.lanes["a"]?.state == .halted)
      #expect(scheduler.takeWork() == nil)
      #expect(scheduler.revive(now: epoch.advanced(by: .seconds(5))) == ["a"])
    }
    let again = try wanted(scheduler.takeWork()?.parts.first)
    #expect(again.ids == part.ids)
    scheduler.finish(again, .committed(again.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.lanes["a"] == nil)
    #expect(scheduler.credit.used == 0)
  }

  @Test func `an unproven entry is read again where its stream exists`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, .unproven, now: epoch)
    #expect(scheduler.lanes["a"] == nil)
    #expect(scheduler.credit.used == 0)
  }

  @Test func `entries read of a lane that Redis refuses are committed, and the lane is read again when it is revived`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10, 10])
    scheduler.halt("a", reason: "its key is no stream", hint: nil, until: epoch, isOfReading: true)
    #expect(scheduler.lanes["a"]?.state == .halted)
    #expect(scheduler.nextRead(block: .zero) == nil)
    let part = try wanted(scheduler.takeWork()?.parts.first)
    #expect(part.entryCount == 2)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.revive(now: epoch) == ["a"])
    #expect(scheduler.nextRead(block: .zero)?.positions.first?.after == part.committed.cursor.position)
  }

  @Test func `a lane that is not configured any more is released once the entries that were read are committed`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    scheduler.close("a", .unconfigured)
    #expect(scheduler.nextRead(block: .zero) == nil)
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.lanes["a"] == nil)
    var idle = Self.owning()
    idle.close("a", .unconfigured)
    #expect(idle.lanes["a"] == nil)
  }

  @Test func `a lane is set aside only where no entry of its stream was ever seen`() {
    var seen = Self.owning()
    seen.readOne([10])
    #expect(seen.setAside("a") == false)
    var idle = Self.owning()
    #expect(idle.setAside("a") == true)
    #expect(idle.lanes["a"] == nil)
  }

  @Test func `a transaction keeps to its bytes over several replies`() {
    var scheduler = Self.owning(limits: flowLimits(maxBytes: 100))
    scheduler.readOne([90])
    scheduler.readOne([50, 40])
    let first = scheduler.takeWork()
    #expect(first?.parts.map(\.ids) == [[1]])
    if let part = first?.parts.first { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(scheduler.takeWork()?.parts.map(\.ids) == [[2, 3]])
  }

  @Test func `a reply that does not fit behind another leaves whole in the next transaction`() throws {
    var scheduler = Self.owning(["a", "b"], limits: flowLimits(maxEntries: 5))
    let request = try wanted(scheduler.nextRead(block: .zero))
    var block = EntryBlock.sized([1, 1, 1, 1])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<3), EntryBlock.Section(lane: 1, entries: 3..<4)]
    scheduler.received(block, for: request, now: epoch)
    let more = LaneReadRequest(
      positions: [.init(lane: "a", after: EntryID(ms: 3, no: 0))], count: 5, block: nil, budget: 1_000, maxEntryBytes: 1_000)
    scheduler.received(.sized([1, 1, 1], first: 4), for: more, now: epoch)
    // Three and three are more than five: the remaining room belongs to another lane.
    let first = try wanted(scheduler.takeWork())
    #expect(first.parts.map(\.ids) == [[1, 2, 3], [4]])
    let used = scheduler.credit.used
    for part in first.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(scheduler.credit.used < used)
    let second = try wanted(scheduler.takeWork())
    #expect(second.parts.map(\.ids) == [[4, 5, 6]])
  }

  @Test func `a chunk with more entries than a transaction is divided, in order`() {
    var scheduler = Self.owning(limits: flowLimits(maxEntries: 5))
    scheduler.readOne([1, 1, 1, 1])
    scheduler.limits.maxEntries = 3
    var ids: [[UInt64]] = []
    while let work = scheduler.takeWork() {
      ids += work.parts.map(\.ids)
      for part in work.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    }
    #expect(ids == [[1, 2, 3], [4]])
  }

  @Test func `an entry larger than a transaction travels alone`() {
    var scheduler = Self.owning(["a", "b"], limits: flowLimits(maxBytes: 100))
    guard let request = scheduler.nextRead(block: .zero) else { return }
    var block = EntryBlock.sized([10, 500, 10])
    block.add(EntryID(ms: 1, no: 0), [RawField([], repeatElement(120, count: 20))])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<3), EntryBlock.Section(lane: 1, entries: 3..<4)]
    scheduler.received(block, for: request, now: epoch)
    var works: [[[UInt64]]] = []
    while let work = scheduler.takeWork() {
      works.append(work.parts.map(\.ids))
      for part in work.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    }
    #expect(works.flatMap { $0 }.flatMap { $0 }.count == 4)
    #expect(works.filter { $0.flatMap { $0 } == [2] }.count == 1)
  }

  @Test func `of entries larger than a transaction one is under way at a time`() throws {
    var scheduler = Self.owning(["a", "b", "c"])
    let request = try wanted(scheduler.nextRead(block: .zero))
    for (lane, size) in [(0, 5_000), (1, 5_000), (2, 10)] {
      var one = request
      one.positions = [request.positions[lane]]
      scheduler.received(.sized([size], first: 1), for: one, now: epoch)
    }
    let large = try wanted(scheduler.takeWork())
    #expect(large.parts.map(\.record.name) == ["a"])
    // The small entry does not wait, the other large one does.
    #expect(try wanted(scheduler.takeWork()).parts.map(\.record.name) == ["c"])
    #expect(scheduler.takeWork() == nil)
    scheduler.finish(large.parts[0], .committed(large.parts[0].committed, deadLettersInARow: 0), now: epoch)
    #expect(try wanted(scheduler.takeWork()).parts.map(\.record.name) == ["b"])
  }

  @Test func `entries wait for others up to the longest delay, and not when there are enough`() {
    var scheduler = Self.owning(limits: flowLimits(maxEntries: 3, maxDelay: .seconds(1)))
    scheduler.readOne([10])
    let due = epoch.advanced(by: .seconds(1))
    guard case .wait(let until) = scheduler.nextWork(now: epoch) else {
      Issue.record("a single entry waits")
      return
    }
    #expect(until == due)
    // A later entry does not prolong the delay.
    scheduler.readOne([10], now: epoch.advanced(by: .milliseconds(900)))
    guard case .wait(due) = scheduler.nextWork(now: due.advanced(by: .nanoseconds(-1))) else {
      Issue.record("it waits to the end")
      return
    }
    #expect(scheduler.takeWork(now: due)?.entryCount == 2)

    scheduler = Self.owning(limits: flowLimits(maxEntries: 2, maxDelay: .seconds(1)))
    scheduler.readOne([10, 10])
    #expect(scheduler.takeWork()?.entryCount == 2)
    scheduler = Self.owning(limits: flowLimits(maxBytes: 10, maxDelay: .seconds(1)))
    scheduler.readOne([10])
    #expect(scheduler.takeWork()?.entryCount == 1)
    scheduler = Self.owning(limits: flowLimits(maxDelay: .seconds(1)))
    scheduler.readOne([10])
    scheduler.beginDrain()
    #expect(scheduler.takeWork()?.entryCount == 1)
  }

  @Test func `a group that is created while a transaction is under way is not forgotten with its commit`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.mirrored(part.record)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.lanes["a"]?.record.isMirrored == true)
  }

  @Test func `a lane with another owner is released with all that waits behind the lost transaction`() throws {
    var scheduler = Self.owning(limits: flowLimits(maxEntries: 2))
    scheduler.readOne([10, 10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.readOne([10, 10])
    scheduler.finish(part, .lost, now: epoch)
    #expect(scheduler.lanes["a"] == nil)
    #expect(scheduler.credit.used == 0)
    guard case .nothing = scheduler.nextWork(now: epoch) else {
      Issue.record("what another one may have committed leaves again")
      return
    }
  }

  @Test func `a lane that was halted during its commit goes on behind the committed entries`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10, 10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.halt("a", reason: "its key is no stream", hint: nil, until: nil)
    #expect(scheduler.revive(.all, now: epoch) == [])
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.revive(.all, now: epoch) == ["a"])
    #expect(scheduler.nextRead(block: .zero)?.positions.first?.after == EntryID(ms: 2, no: 0))
  }

  @Test func `a lane that was released and acquired again during its commit has no second transaction meanwhile`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.release("a")
    scheduler.acquire(.named("a"))
    scheduler.readOne([10])
    #expect(scheduler.takeWork() == nil)
    scheduler.finish(part, .lost, now: epoch)
    #expect(scheduler.lanes["a"] != nil)
    #expect(scheduler.takeWork()?.parts.map(\.ids) == [[1]])
  }

  @Test func `a reply for a lane that was rewound or released meanwhile is ignored`() throws {
    var scheduler = Self.owning(["a", "b"])
    let request = try wanted(scheduler.nextRead(block: .zero))
    scheduler.release("a")
    var record = LaneRecord.named("b", id: 2, fence: 2)
    record.cursor.position = EntryID(ms: 1, no: 0)
    scheduler.acquire(record)
    var block = EntryBlock.sized([10, 10])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<1), EntryBlock.Section(lane: 1, entries: 1..<2)]
    scheduler.received(block, for: request, now: epoch)
    #expect(scheduler.credit.used == 0)
    #expect(scheduler.takeWork() == nil)
  }

  @Test func `dead letters in a row halt a lane over several transactions, until an operator revives it`() throws {
    var scheduler = Self.owning(limits: flowLimits(maxEntries: 2, haltAfter: 5))
    for round in 1...3 {
      scheduler.readOne([10, 10])
      let part = try wanted(scheduler.takeWork()?.parts.first)
      scheduler.finish(part, .committed(part.committed, deadLettersInARow: 2), now: epoch)
      #expect((scheduler.lanes["a"]?.halt != nil) == (round == 3))
    }
    #expect(scheduler.lanes["a"]?.halt?.until == nil)
    #expect(scheduler.revive(now: epoch.advanced(by: .seconds(9_999))) == [])
    #expect(scheduler.nextRead(block: .zero) == nil)
    #expect(scheduler.revive(.all, now: epoch) == ["a"])
    // The count begins again, and one good entry resets it.
    for (trailing, read) in [(2, 2), (1, 2), (2, 2)] {
      scheduler.readOne(Array(repeating: 10, count: read))
      let part = try wanted(scheduler.takeWork()?.parts.first)
      scheduler.finish(part, .committed(part.committed, deadLettersInARow: trailing), now: epoch)
    }
    #expect(scheduler.lanes["a"]?.halt == nil)
  }

  @Test func `a lane that Postgres refuses backs off, and is read again from its cursor`() throws {
    var scheduler = Self.owning()
    scheduler.readOne([10, 10])
    let part = try wanted(scheduler.takeWork()?.parts.first)
    scheduler.readOne([10])
    scheduler.finish(part, .halted(reason: "permission denied", hint: nil), now: epoch)
    #expect(scheduler.credit.used == 0)
    #expect(scheduler.lanes["a"]?.state == .halted)
    #expect(scheduler.revive(now: epoch.advanced(by: .seconds(4))) == [])
    #expect(scheduler.revive(now: epoch.advanced(by: .seconds(5))) == ["a"])
    #expect(scheduler.nextRead(block: .zero)?.positions.first?.after == .zero)
  }

  @Test func `every lane gets its turn, however many entries the others have`() {
    var scheduler = Self.owning(["a", "b", "c"], limits: flowLimits(maxEntries: 4))
    guard let request = scheduler.nextRead(block: .zero) else { return }
    var block = EntryBlock()
    for lane in 0..<3 {
      for ms in 1...20 { block.add(EntryID(ms: UInt64(ms), no: 0), [RawField([], [1])]) }
      block.sections.append(EntryBlock.Section(lane: lane, entries: lane * 20..<(lane + 1) * 20))
    }
    scheduler.received(block, for: request, now: epoch)
    var served: Set<String> = []
    for _ in 0..<3 {
      guard let work = scheduler.takeWork() else { continue }
      for part in work.parts {
        served.insert(part.record.name)
        scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
      }
    }
    #expect(served == ["a", "b", "c"])
  }

  @Test func `a lane's state names the server for which it waits`() throws {
    var scheduler = Self.owning()
    #expect(scheduler.lanes["a"]?.state == .idle)
    scheduler.readOne([10])
    #expect(scheduler.lanes["a"]?.state == .reading)
    #expect(scheduler.lanes["a"]?.oldestUncommitted == EntryID(ms: 1, no: 0))
    let part = try wanted(scheduler.takeWork()?.parts.first)
    #expect(scheduler.lanes["a"]?.state == .reading)
    scheduler.waitsForPostgres(["a"], true)
    #expect(scheduler.lanes["a"]?.state == .waitingPostgres)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.lanes["a"]?.state == .idle)
    #expect(scheduler.lanes["a"]?.oldestUncommitted == nil)
    #expect(scheduler.lanes["a"]?.lastCommit == epoch)
  }
}
