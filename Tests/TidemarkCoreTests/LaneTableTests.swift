import Testing

@testable import TidemarkCore

let epoch = ContinuousClock.now

func flowLimits(
  maxEntries: Int = 100, maxBytes: Int = 1_000, maxDelay: Duration = .zero, bufferBytes: Int = 100_000, haltAfter: Int = 1_000
) -> FlowLimits {
  FlowLimits(
    maxEntries: maxEntries, maxBytes: maxBytes, maxDelay: maxDelay, bufferBytes: bufferBytes, maxEntryBytes: 10_000,
    haltAfterDeadLetters: haltAfter, haltRest: .seconds(5))
}

extension LaneTable {
  /// The next read that is due at once.
  mutating func nextRead(block: Duration, at now: ContinuousClock.Instant = epoch) -> LaneReadRequest? {
    var next = nextRead(block: block, now: now)
    // What Redis says of the lanes is another test's.
    while case .check = next { next = nextRead(block: block, now: now) }
    return if case .read(let request) = next { request } else { nil }
  }

  /// Reads entries of these sizes for the only lane that it asks for.
  mutating func readOne(_ sizes: [Int], now: ContinuousClock.Instant = epoch) {
    guard let request = nextRead(block: .zero) else { return }
    received(.sized(sizes, first: request.positions[0].after.ms + 1), for: request, now: now)
  }

  mutating func takeWork(now: ContinuousClock.Instant = epoch) -> Work? {
    if case .work(let work) = nextWork(now: now) { work } else { nil }
  }
}

/// `#require` for what a mutating call answers.
func wanted<T>(_ value: T?, sourceLocation: SourceLocation = #_sourceLocation) throws -> T {
  try #require(value, sourceLocation: sourceLocation)
}

extension LaneTable.Work.Part {
  var ids: [UInt64] { chunks.flatMap { chunk in chunk.entries.map { chunk.block.entries[$0].id.ms } } }

  /// The record after all of it is committed.
  var committed: LaneRecord {
    var record = record
    record.cursor.position = EntryID(ms: ids.last ?? 0, no: 0)
    record.cursor.appliedNo += Int64(ids.count)
    record.ordinal += UInt64(ids.count)
    return record
  }
}

@Suite struct LaneTableTests {
  static func owning(_ names: [String] = ["a"], limits: FlowLimits = flowLimits()) -> LaneTable {
    var table = LaneTable(limits: limits)
    for (index, name) in names.enumerated() { table.own(.named(name, id: Int32(index + 1))) }
    return table
  }

  @Test func `nothing is read without lanes, without credit, or while draining`() {
    var table = LaneTable(limits: flowLimits())
    #expect(table.nextRead(block: .zero) == nil)
    table = Self.owning(limits: flowLimits(bufferBytes: 300))
    #expect(table.nextRead(block: .seconds(1))?.budget == 300)
    table.readOne([400])
    #expect(table.nextRead(block: .zero) == nil)
    table = Self.owning()
    table.beginDrain()
    #expect(table.nextRead(block: .zero) == nil)
    #expect(table.isDrained)
  }

  @Test func `an id that bigint can't hold stops no lane`() {
    var table = Self.owning(["a", "b"])
    guard let request = table.nextRead(block: .zero) else { return #expect(Bool(false), "nothing is read") }
    var block = EntryBlock(id: EntryID(ms: UInt64(Int64.max) + 1, no: 0), raw: [])
    block.entries.append(.init(id: EntryID(ms: 1, no: 0), firstField: 0, fieldCount: 0))
    block.sections.append(.init(lane: 1, entries: 1..<2))
    table.received(block, for: request, now: epoch)
    #expect(table.takeWork()?.parts.map(\.record.name) == ["a", "b"])
  }

  @Test(arguments: [LaneTable.PartResult.halted(reason: "permission denied", hint: nil), .unproven])
  func `a lane whose stream is gone keeps what was read until it is committed, and is released then`(result: LaneTable.PartResult) throws {
    var table = Self.owning()
    table.readOne([10, 10])
    let check = try #require(table.lanes["a"]?.check)
    let gone = LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone)
    #expect(table.checked(LaneLook(check, gone, anchor: .gone)) == .broken(LaneBreak(.flushed, atLeast: 0)))
    #expect(table.lanes["a"]?.closing == .replaced)
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, result, now: epoch)
    #expect(table.credit.used > 0)
    if result != .unproven {
      #expect(table.lanes["a"]?.state == .halted)
      #expect(table.takeWork() == nil)
      #expect(table.revive(now: epoch.advanced(by: .seconds(5))) == ["a"])
    }
    let again = try wanted(table.takeWork()?.parts.first)
    #expect(again.ids == part.ids)
    table.finish(again, .committed(again.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.lanes["a"] == nil)
    #expect(table.credit.used == 0)
  }

  @Test func `what is not proven to be bad is read again where its stream is there`() throws {
    var table = Self.owning()
    table.readOne([10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, .unproven, now: epoch)
    #expect(table.lanes["a"] == nil)
    #expect(table.credit.used == 0)
  }

  @Test func `of a lane that Redis refuses what was read is committed, and it is read again when it is revived`() throws {
    var table = Self.owning()
    table.readOne([10, 10])
    table.halt("a", reason: "its key is no stream", hint: nil, until: epoch, isOfReading: true)
    #expect(table.lanes["a"]?.state == .halted)
    #expect(table.nextRead(block: .zero) == nil)
    let part = try wanted(table.takeWork()?.parts.first)
    #expect(part.entryCount == 2)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.revive(now: epoch) == ["a"])
    #expect(table.nextRead(block: .zero)?.positions.first?.after == part.committed.cursor.position)
  }

  @Test func `a lane that is not configured any more is released once what was read is committed`() throws {
    var table = Self.owning()
    table.readOne([10])
    table.close("a", .unconfigured)
    #expect(table.nextRead(block: .zero) == nil)
    let part = try wanted(table.takeWork()?.parts.first)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.lanes["a"] == nil)
    var idle = Self.owning()
    idle.close("a", .unconfigured)
    #expect(idle.lanes["a"] == nil)
  }

  @Test func `a lane is set aside only where nothing of its stream was ever seen`() {
    var seen = Self.owning()
    seen.readOne([10])
    #expect(seen.setAside("a") == false)
    var idle = Self.owning()
    #expect(idle.setAside("a") == true)
    #expect(idle.lanes["a"] == nil)
  }

  @Test func `a transaction keeps to its bytes over several replies`() {
    var table = Self.owning(limits: flowLimits(maxBytes: 100))
    table.readOne([90])
    table.readOne([50, 40])
    let first = table.takeWork()
    #expect(first?.parts.map(\.ids) == [[1]])
    if let part = first?.parts.first { table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(table.takeWork()?.parts.map(\.ids) == [[2, 3]])
  }

  @Test func `a reply that does not fit behind another leaves whole in the next transaction`() throws {
    var table = Self.owning(["a", "b"], limits: flowLimits(maxEntries: 5))
    let request = try wanted(table.nextRead(block: .zero))
    var block = EntryBlock.sized([1, 1, 1, 1])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<3), EntryBlock.Section(lane: 1, entries: 3..<4)]
    table.received(block, for: request, now: epoch)
    let more = LaneReadRequest(
      positions: [.init(lane: "a", after: EntryID(ms: 3, no: 0))], count: 5, block: nil, budget: 1_000, maxEntryBytes: 1_000)
    table.received(.sized([1, 1, 1], first: 4), for: more, now: epoch)
    // Three and three are more than five: the rest of the room is another lane's.
    let first = try wanted(table.takeWork())
    #expect(first.parts.map(\.ids) == [[1, 2, 3], [4]])
    let used = table.credit.used
    for part in first.parts { table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(table.credit.used < used)
    let second = try wanted(table.takeWork())
    #expect(second.parts.map(\.ids) == [[4, 5, 6]])
  }

  @Test func `what is larger than a transaction's entries is cut, in order`() {
    var table = Self.owning(limits: flowLimits(maxEntries: 5))
    table.readOne([1, 1, 1, 1])
    table.limits.maxEntries = 3
    var ids: [[UInt64]] = []
    while let work = table.takeWork() {
      ids += work.parts.map(\.ids)
      for part in work.parts { table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    }
    #expect(ids == [[1, 2, 3], [4]])
  }

  @Test func `an entry larger than a transaction travels alone`() {
    var table = Self.owning(["a", "b"], limits: flowLimits(maxBytes: 100))
    guard let request = table.nextRead(block: .zero) else { return }
    var block = EntryBlock.sized([10, 500, 10])
    block.add(EntryID(ms: 1, no: 0), [RawField([], repeatElement(120, count: 20))])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<3), EntryBlock.Section(lane: 1, entries: 3..<4)]
    table.received(block, for: request, now: epoch)
    var works: [[[UInt64]]] = []
    while let work = table.takeWork() {
      works.append(work.parts.map(\.ids))
      for part in work.parts { table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    }
    #expect(works.flatMap { $0 }.flatMap { $0 }.count == 4)
    #expect(works.filter { $0.flatMap { $0 } == [2] }.count == 1)
  }

  @Test func `of entries larger than a transaction one is under way at a time`() throws {
    var table = Self.owning(["a", "b", "c"])
    let request = try wanted(table.nextRead(block: .zero))
    for (lane, size) in [(0, 5_000), (1, 5_000), (2, 10)] {
      var one = request
      one.positions = [request.positions[lane]]
      table.received(.sized([size], first: 1), for: one, now: epoch)
    }
    let large = try wanted(table.takeWork())
    #expect(large.parts.map(\.record.name) == ["a"])
    // The small one does not wait, the other large one does.
    #expect(try wanted(table.takeWork()).parts.map(\.record.name) == ["c"])
    #expect(table.takeWork() == nil)
    table.finish(large.parts[0], .committed(large.parts[0].committed, deadLettersInARow: 0), now: epoch)
    #expect(try wanted(table.takeWork()).parts.map(\.record.name) == ["b"])
  }

  @Test func `entries wait for company as long as they may, and not when there is enough`() {
    var table = Self.owning(limits: flowLimits(maxEntries: 3, maxDelay: .seconds(1)))
    table.readOne([10])
    let due = epoch.advanced(by: .seconds(1))
    guard case .wait(let until) = table.nextWork(now: epoch) else {
      Issue.record("a single entry waits")
      return
    }
    #expect(until == due)
    // A later entry doesn't prolong it.
    table.readOne([10], now: epoch.advanced(by: .milliseconds(900)))
    guard case .wait(due) = table.nextWork(now: due.advanced(by: .nanoseconds(-1))) else {
      Issue.record("it waits to the end")
      return
    }
    #expect(table.takeWork(now: due)?.entryCount == 2)

    table = Self.owning(limits: flowLimits(maxEntries: 2, maxDelay: .seconds(1)))
    table.readOne([10, 10])
    #expect(table.takeWork()?.entryCount == 2)
    table = Self.owning(limits: flowLimits(maxBytes: 10, maxDelay: .seconds(1)))
    table.readOne([10])
    #expect(table.takeWork()?.entryCount == 1)
    table = Self.owning(limits: flowLimits(maxDelay: .seconds(1)))
    table.readOne([10])
    table.beginDrain()
    #expect(table.takeWork()?.entryCount == 1)
  }

  @Test func `a group that is made while a transaction is under way is not forgotten with its commit`() throws {
    var table = Self.owning()
    table.readOne([10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.mirrored(part.record)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.lanes["a"]?.record.isMirrored == true)
  }

  @Test func `a lane that another one has is given up with all that waits behind the lost transaction`() throws {
    var table = Self.owning(limits: flowLimits(maxEntries: 2))
    table.readOne([10, 10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.readOne([10, 10])
    table.finish(part, .lost, now: epoch)
    #expect(table.lanes["a"] == nil)
    #expect(table.credit.used == 0)
    guard case .nothing = table.nextWork(now: epoch) else {
      Issue.record("what another one may have committed leaves again")
      return
    }
  }

  @Test func `a lane that was halted during its commit goes on behind what was committed`() throws {
    var table = Self.owning()
    table.readOne([10, 10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.halt("a", reason: "its key is no stream", hint: nil, until: nil)
    #expect(table.revive(.all, now: epoch) == [])
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.revive(.all, now: epoch) == ["a"])
    #expect(table.nextRead(block: .zero)?.positions.first?.after == EntryID(ms: 2, no: 0))
  }

  @Test func `a lane that was given up and taken again during its commit has no second transaction meanwhile`() throws {
    var table = Self.owning()
    table.readOne([10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.disown("a")
    table.own(.named("a"))
    table.readOne([10])
    #expect(table.takeWork() == nil)
    table.finish(part, .lost, now: epoch)
    #expect(table.lanes["a"] != nil)
    #expect(table.takeWork()?.parts.map(\.ids) == [[1]])
  }

  @Test func `a reply for a lane that was set back or lost meanwhile is not taken`() throws {
    var table = Self.owning(["a", "b"])
    let request = try wanted(table.nextRead(block: .zero))
    table.disown("a")
    var record = LaneRecord.named("b", id: 2, fence: 2)
    record.cursor.position = EntryID(ms: 1, no: 0)
    table.own(record)
    var block = EntryBlock.sized([10, 10])
    block.sections = [EntryBlock.Section(lane: 0, entries: 0..<1), EntryBlock.Section(lane: 1, entries: 1..<2)]
    table.received(block, for: request, now: epoch)
    #expect(table.credit.used == 0)
    #expect(table.takeWork() == nil)
  }

  @Test func `dead letters in a row halt a lane over several transactions, until somebody revives it`() throws {
    var table = Self.owning(limits: flowLimits(maxEntries: 2, haltAfter: 5))
    for round in 1...3 {
      table.readOne([10, 10])
      let part = try wanted(table.takeWork()?.parts.first)
      table.finish(part, .committed(part.committed, deadLettersInARow: 2), now: epoch)
      #expect((table.lanes["a"]?.halt != nil) == (round == 3))
    }
    #expect(table.lanes["a"]?.halt?.until == nil)
    #expect(table.revive(now: epoch.advanced(by: .seconds(9_999))) == [])
    #expect(table.nextRead(block: .zero) == nil)
    #expect(table.revive(.all, now: epoch) == ["a"])
    // Counted anew, and one good entry begins again.
    for (trailing, read) in [(2, 2), (1, 2), (2, 2)] {
      table.readOne(Array(repeating: 10, count: read))
      let part = try wanted(table.takeWork()?.parts.first)
      table.finish(part, .committed(part.committed, deadLettersInARow: trailing), now: epoch)
    }
    #expect(table.lanes["a"]?.halt == nil)
  }

  @Test func `a lane that Postgres refuses rests, and is read again from its cursor`() throws {
    var table = Self.owning()
    table.readOne([10, 10])
    let part = try wanted(table.takeWork()?.parts.first)
    table.readOne([10])
    table.finish(part, .halted(reason: "permission denied", hint: nil), now: epoch)
    #expect(table.credit.used == 0)
    #expect(table.lanes["a"]?.state == .halted)
    #expect(table.revive(now: epoch.advanced(by: .seconds(4))) == [])
    #expect(table.revive(now: epoch.advanced(by: .seconds(5))) == ["a"])
    #expect(table.nextRead(block: .zero)?.positions.first?.after == .zero)
  }

  @Test func `every lane gets its turn, however much the others bring`() {
    var table = Self.owning(["a", "b", "c"], limits: flowLimits(maxEntries: 4))
    guard let request = table.nextRead(block: .zero) else { return }
    var block = EntryBlock()
    for lane in 0..<3 {
      for ms in 1...20 { block.add(EntryID(ms: UInt64(ms), no: 0), [RawField([], [1])]) }
      block.sections.append(EntryBlock.Section(lane: lane, entries: lane * 20..<(lane + 1) * 20))
    }
    table.received(block, for: request, now: epoch)
    var served: Set<String> = []
    for _ in 0..<3 {
      guard let work = table.takeWork() else { continue }
      for part in work.parts {
        served.insert(part.record.name)
        table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
      }
    }
    #expect(served == ["a", "b", "c"])
  }

  @Test func `a lane's state says what it waits for`() throws {
    var table = Self.owning()
    #expect(table.lanes["a"]?.state == .idle)
    table.readOne([10])
    #expect(table.lanes["a"]?.state == .reading)
    #expect(table.lanes["a"]?.oldestUncommitted == EntryID(ms: 1, no: 0))
    let part = try wanted(table.takeWork()?.parts.first)
    #expect(table.lanes["a"]?.state == .reading)
    table.waitsForPostgres(["a"], true)
    #expect(table.lanes["a"]?.state == .waitingPostgres)
    table.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch)
    #expect(table.lanes["a"]?.state == .idle)
    #expect(table.lanes["a"]?.oldestUncommitted == nil)
    #expect(table.lanes["a"]?.lastCommit == epoch)
  }
}
