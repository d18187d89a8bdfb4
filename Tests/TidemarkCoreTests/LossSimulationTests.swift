import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// A stream that loses entries in every way that Redis knows, a ledger, and a scheduler between them. The model knows which entries were
/// never delivered; the ledger must have counted exactly those.
private struct LossSimulation {
  var random: SeededGenerator
  var table: LaneScheduler
  var now = epoch
  var ledger = LaneRecord.named("lane", fence: 1)
  /// The ids of the entries in the stream; each is one above the previous one.
  var entries: [UInt64] = []
  var added: UInt64 = 0
  var maxDeleted: UInt64 = 0
  var delivered: Set<UInt64> = []
  var underWay: LaneScheduler.Work.Part?
  var gaps: [LaneGap] = []
  var verdicts: [String: Int] = [:]
  var problems: [String] = []

  /// Whether the worker owns the lane all the time, so that the gaps also show where the lost entries were.
  let isSteady: Bool

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    isSteady = seed % 2 == 0
    table = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 1 + random.below(12), maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 10_000,
        haltAfterDeadLetters: 1_000, haltBackoff: .milliseconds(1)))
    ledger.isMirrored = true
    table.acquire(ledger)
  }

  mutating func step() {
    switch random.below(100) {
    case 0..<25: add(random.below(8))
    case 25..<35: trim(toLength: random.below(12))
    case 35..<45: delete()
    case 45..<70: ask()
    case 70..<80: takeWork()
    case 80..<92: finish()
    case 92..<100 where isSteady: break
    case 92..<95: acquire(raising: random.chance(50))
    case 95..<97: table.halt("lane", reason: "test", hint: nil, until: nil)
    default: _ = table.revive(.all, now: now)
    }
  }

  mutating func add(_ count: Int) {
    for _ in 0..<count {
      added += 1
      entries.append(added)
    }
  }

  mutating func trim(toLength length: Int) {
    entries.removeFirst(max(0, entries.count - length))
  }

  mutating func delete() {
    guard !entries.isEmpty else { return }
    maxDeleted = max(maxDeleted, entries.remove(at: random.below(entries.count)))
  }

  mutating func acquire(raising: Bool) {
    if raising { ledger.fence += 1 }
    table.acquire(ledger)
  }

  /// Executes the reader's next step, with the answer at once: no reply is under way when a lane is inspected.
  mutating func ask() {
    now = now.advanced(by: .milliseconds(300))
    switch table.nextRead(block: .zero, now: now) {
    case .wait, .nothing: break
    case .read(let request):
      let after = request.positions[0].after.ms
      let found = entries.filter { $0 > after }.prefix(min(request.count, 1 + random.below(6)))
      guard !found.isEmpty else { return }
      delivered.formUnion(found)
      let block = EntryBlock.of(found.map { (EntryID(ms: $0, no: 0), [RawField([], [120])]) }, lane: 0)
      table.received(block, for: request, now: now)
    case .check(let checks):
      let stream = StreamInfo(
        length: UInt64(entries.count), lastGeneratedID: EntryID(ms: added, no: 0), entriesAdded: added,
        maxDeletedID: EntryID(ms: maxDeleted, no: 0), firstID: entries.first.map { EntryID(ms: $0, no: 0) },
        lastID: entries.last.map { EntryID(ms: $0, no: 0) })
      for check in checks {
        let isThere = entries.contains(check.cursor.ms)
        let observed = ObservedStream(stream: stream, hasGroup: true, anchor: isThere ? .there(nil) : .gone)
        let verdict = table.checked(StreamComparison(check, observed, anchor: isThere ? .same : .gone))
        switch verdict {
        case .sound: verdicts["sound", default: 0] += 1
        case .gapCheck: verdicts["gap check", default: 0] += 1
        case .missing: verdicts["missing", default: 0] += 1
        case .replacement(let replacement): problems.append("taken for \(replacement)")
        }
      }
    }
  }

  mutating func takeWork() {
    guard underWay == nil, case .work(let work) = table.nextWork(now: now) else { return }
    underWay = work.parts[0]
  }

  mutating func finish() {
    guard let part = underWay else { return }
    underWay = nil
    guard part.record.fence == ledger.fence, part.record.cursor == ledger.cursor, part.record.ordinal == ledger.ordinal else {
      return table.finish(part, .lost, now: now)
    }
    if !isSteady, random.chance(10) { return table.finish(part, .lost, now: now) }
    var builder = BatchBuilder(
      routes: RouteTable.builtIn, limits: EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false))
    builder.append(lane: part.record, partition: nil, part.chunks, gaps: part.gaps)
    let batch = builder.finish()
    if batch.segments.isEmpty { problems.append("an empty transaction") }
    ledger = ledger.advanced(by: BatchOutcome(batch).lanes[0])
    gaps += part.gaps
    table.finish(part, .committed(ledger, deadLettersInARow: 0), now: now)
  }

  /// Runs until nothing happens any more.
  mutating func settle() {
    for _ in 0..<400 {
      if table.lanes["lane"] == nil { acquire(raising: true) }
      _ = table.revive(.all, now: now)
      ask()
      takeWork()
      finish()
    }
  }
}

@Suite struct LossSimulationTests {
  /// An entry that was delivered to a lane which was then released is read again, or is lost by then; its last outcome counts.
  @Test func `every entry is read or counted as missing, exactly, whatever is trimmed, deleted and lost`() {
    var verdicts: [String: Int] = [:]
    var missing = 0
    for seed in UInt64(0)..<400 {
      var simulation = LossSimulation(seed: seed)
      for _ in 0..<200 where simulation.problems.isEmpty { simulation.step() }
      simulation.settle()
      let ledger = simulation.ledger
      #expect(simulation.problems == [], "seed \(seed)")
      #expect(ledger.ordinal == simulation.added, "seed \(seed): counted \(ledger.ordinal) of \(simulation.added)")
      #expect(ledger.totals.read + ledger.totals.missing == Int(simulation.added), "seed \(seed)")
      #expect(simulation.gaps.reduce(0) { $0 + $1.missing } == ledger.totals.missing, "seed \(seed)")
      #expect(simulation.gaps.allSatisfy { $0.missing > 0 && $0.before.map { $0 > .zero } ?? true }, "seed \(seed)")
      let never = (1...max(simulation.added, 1)).count { $0 <= simulation.added && !simulation.delivered.contains($0) }
      #expect(ledger.totals.missing >= never, "seed \(seed): \(never) were never delivered")
      if simulation.isSteady { expectPlaces(simulation, seed) }
      missing += ledger.totals.missing
      verdicts.merge(simulation.verdicts) { $0 + $1 }
    }
    // A simulation without losses would prove nothing.
    #expect(missing > 1_000)
    for kind in ["sound", "gap check", "missing"] { #expect(verdicts[kind, default: 0] > 400, "\(kind)") }
  }

  /// Expects that the lost entries are between the positions that the gaps name.
  private func expectPlaces(_ simulation: LossSimulation, _ seed: UInt64) {
    let lost = (1...max(simulation.added, 1)).filter { $0 <= simulation.added && !simulation.delivered.contains($0) }
    let ranges = simulation.gaps.map { ($0.after.ms + 1..<max($0.after.ms + 1, $0.before?.ms ?? simulation.added + 1), $0.missing) }
    for entry in lost { #expect(ranges.contains { $0.0.contains(entry) }, "seed \(seed): \(entry) is in no gap") }
    for (range, missing) in ranges { #expect(lost.count { range.contains($0) } >= missing, "seed \(seed): \(missing) of \(range)") }
  }
}
