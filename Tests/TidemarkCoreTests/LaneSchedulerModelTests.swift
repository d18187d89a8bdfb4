import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// Streams, a ledger that commits by compare-and-set, and a scheduler between them, changed by random events.
private struct Simulation {
  var random: SeededGenerator
  var scheduler: LaneScheduler
  var now = epoch
  let names = ["a", "b", "c", "d"]
  /// The sizes of each stream's entries; entry `n` has the id `n+1`-0.
  var streams: [String: [Int]] = [:]
  var ledger: [String: LaneRecord] = [:]
  var underWay: [LaneScheduler.Work.Part] = []
  var pendingRead: LaneReadRequest?
  var footprints: [Int: Int] = [:]
  var blocks = 0
  var problems: [String] = []

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    let delay = random.chance(50) ? Duration.zero : .milliseconds(random.below(50))
    // There are more or fewer lanes than one read names.
    var pace = ReadPlan.Pace()
    pace.blockingLanes = random.below(5)
    pace.slice = 1 + random.below(3)
    scheduler = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 1 + random.below(30), maxBytes: 20 + random.below(300), maxDelay: delay, bufferBytes: 2_000 + random.below(20_000),
        maxEntryBytes: 10_000, haltAfterDeadLetters: 40, haltBackoff: .milliseconds(100)), pace: pace)
    for (index, name) in names.enumerated() {
      streams[name] = []
      ledger[name] = .named(name, id: Int32(index + 1), fence: 0)
    }
  }

  mutating func expect(_ condition: Bool, _ what: String) {
    if !condition { problems.append(what) }
  }

  mutating func step() {
    let name = names[random.below(names.count)]
    switch random.below(100) {
    case 0..<20:
      for _ in 0..<random.below(12) { streams[name]?.append(random.chance(3) ? 200 + random.below(400) : random.below(60)) }
      // Some notifications are lost.
      if random.chance(80) { _ = scheduler.noteChanges([name, "nobody"]) }
    case 20..<28: acquire(name, raising: random.chance(60))
    case 28..<31: scheduler.release(name)
    case 31..<34: scheduler.halt(name, reason: "test", hint: nil, until: random.chance(50) ? nil : now.advanced(by: .milliseconds(20)))
    case 34..<38: _ = scheduler.revive(random.chance(50) ? .all : .backoffEnded, now: now)
    case 38..<40: scheduler.doorbell(isHeard: random.chance(60))
    case 40..<50: now = now.advanced(by: .milliseconds(random.below(30)))
    case 50..<70: if pendingRead == nil { pendingRead = nextRead() } else { answer() }
    case 70..<85: takeWork()
    default: if !underWay.isEmpty { finish(random.below(underWay.count)) }
    }
    check()
  }

  mutating func acquire(_ name: String, raising: Bool) {
    if raising { ledger[name]?.fence += 1 }
    if let record = ledger[name] { scheduler.acquire(record) }
  }

  mutating func nextRead() -> LaneReadRequest? {
    let request = scheduler.nextRead(block: .zero, at: now)
    if let request {
      let held = scheduler.credit.used
      if let budget = request.budget {
        expect(budget == scheduler.limits.bufferBytes - held && budget > 0, "a budget of \(budget) beside \(held)")
      } else {
        expect(request.positions.count == 1 && request.count == 1, "more than one entry must be delivered")
      }
      expect(Set(request.positions.map(\.lane)).count == request.positions.count, "a lane is named twice")
      expect(request.positions.allSatisfy { scheduler.lanes[$0.lane]?.halt == nil }, "a halted lane is read")
    }
    return request
  }

  mutating func answer() {
    guard let request = pendingRead else { return }
    pendingRead = nil
    if random.chance(5) { return scheduler.readFailed(request) }
    var block = EntryBlock()
    for (lane, position) in request.positions.enumerated() {
      let first = block.entries.count
      let sizes = streams[position.lane] ?? []
      for index in Int(position.after.ms)..<max(Int(position.after.ms), min(sizes.count, Int(position.after.ms) + request.count)) {
        block.add(EntryID(ms: UInt64(index + 1), no: 0), [RawField([], repeatElement(0, count: sizes[index]))])
      }
      if block.entries.count > first { block.sections.append(EntryBlock.Section(lane: lane, entries: first..<block.entries.count)) }
    }
    if let budget = request.budget, block.footprint > budget { return scheduler.overran(request) }
    if block.entries.isEmpty { return }
    footprints[blocks] = block.footprint
    blocks += 1
    scheduler.received(block, for: request, now: now)
  }

  mutating func takeWork() {
    switch scheduler.nextWork(now: now) {
    case .nothing: break
    case .wait(let until):
      expect(
        scheduler.limits.maxDelay > .zero && until > now && until <= now.advanced(by: scheduler.limits.maxDelay), "waits until \(until)")
      let waiting = scheduler.lanes.values.filter { $0.inFlight == nil && $0.halt == nil }.reduce(0) { $0 + $1.waitingEntries }
      expect(waiting < scheduler.limits.maxEntries + underWay.count * 1_000, "waits with \(waiting) entries")
    case .work(let work):
      expect(!work.parts.isEmpty && work.parts.allSatisfy { !$0.ids.isEmpty }, "empty work")
      expect(work.entryCount <= scheduler.limits.maxEntries, "\(work.entryCount) entries")
      expect(work.byteCount <= scheduler.limits.maxBytes || work.entryCount == 1, "\(work.byteCount) bytes of \(work.entryCount) entries")
      for part in work.parts {
        let name = part.record.name
        expect(scheduler.lanes[name] != nil && scheduler.lanes[name]?.halt == nil, "\(name) is halted or not owned")
        expect(!underWay.contains { $0.record.name == name }, "\(name) has a second transaction")
        let first = part.record.cursor.position.ms + 1
        expect(part.ids == Array(first..<first + UInt64(part.ids.count)), "\(name) after \(first - 1) got \(part.ids)")
      }
      underWay += work.parts
    }
  }

  mutating func finish(_ index: Int) {
    let part = underWay.remove(at: index)
    let name = part.record.name
    // The fence and the cursor decide, as in Postgres.
    guard let record = ledger[name], record.fence == part.record.fence, record.cursor == part.record.cursor else {
      return scheduler.finish(part, .lost, now: now)
    }
    if random.chance(5) { return scheduler.finish(part, .halted(reason: "test", hint: nil), now: now) }
    ledger[name] = part.committed
    let trailing = random.chance(70) ? 0 : random.below(part.ids.count + 1)
    scheduler.finish(part, .committed(part.committed, deadLettersInARow: trailing), now: now)
  }

  mutating func check() {
    var held: Set<Int> = []
    for (name, flow) in scheduler.lanes {
      held.formUnion(flow.chunks.map(\.blockID))
      expect(flow.waitingEntries == flow.chunks.reduce(0) { $0 + $1.entries.count }, "\(name) counts \(flow.waitingEntries) entries")
      expect(flow.waitingBytes == flow.chunks.reduce(0) { $0 + $1.byteCount }, "\(name) counts \(flow.waitingBytes) bytes")
      expect(flow.halt == nil || flow.chunks.isEmpty, "\(name) is halted and holds entries")
      if flow.halt == nil, flow.inFlight == nil {
        expect(flow.oldestUncommitted == flow.chunks.first?.firstID, "\(name) says \(String(describing: flow.oldestUncommitted)) waits")
        if let first = flow.chunks.first?.firstID {
          expect(first.ms == flow.record.cursor.position.ms + 1, "\(name) at \(flow.record.cursor.position) holds \(first)")
        }
      }
    }
    let ready = scheduler.lanes.values.filter { $0.inFlight == nil && $0.halt == nil }.reduce(0) { $0 + $1.waitingEntries }
    expect(scheduler.readyEntries <= ready, "\(scheduler.readyEntries) entries are ready of \(ready)")
    expect(
      scheduler.readyEntries == scheduler.lanes.values.reduce(0) { $0 + $1.readyEntries }, "\(scheduler.readyEntries) entries are ready")
    held.formUnion(underWay.flatMap { $0.chunks.map(\.blockID) })
    let footprint = held.reduce(0) { $0 + (footprints[$1] ?? 0) }
    expect(scheduler.credit.used == footprint, "credit \(scheduler.credit.used), held \(footprint)")
  }

  /// Commits all entries, without faults.
  mutating func settle(drain: Bool) {
    if drain { scheduler.beginDrain() }
    for _ in 0..<20_000 where problems.isEmpty {
      if drain, scheduler.isDrained { return }
      if !drain, names.allSatisfy({ ledger[$0]?.cursor.position.ms == UInt64(streams[$0]?.count ?? 0) }), underWay.isEmpty { return }
      now = now.advanced(by: .milliseconds(10))
      if !drain {
        for name in names where scheduler.lanes[name] == nil { acquire(name, raising: true) }
        _ = scheduler.revive(.all, now: now)
        if pendingRead == nil { pendingRead = nextRead() }
      }
      answer()
      check()
      takeWork()
      if !underWay.isEmpty { finish(0) }
      check()
    }
    expect(false, drain ? "it is never drained" : "it never gets to the end")
  }
}

@Suite struct LaneSchedulerModelTests {
  @Test(arguments: 0..<40) func `entries leave in order, once, and within the credit, whatever happens`(seed: Int) {
    var simulation = Simulation(seed: UInt64(seed))
    for step in 0..<800 {
      simulation.step()
      guard simulation.problems.isEmpty else {
        Issue.record("seed \(seed), step \(step): \(simulation.problems)")
        return
      }
    }
    simulation.settle(drain: seed % 2 == 0)
    #expect(simulation.problems.isEmpty, "seed \(seed) in the end")
  }
}
