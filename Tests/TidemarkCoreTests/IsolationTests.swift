import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// A commit plan and machine with a ledger in memory, whose failures are decided by a seed.
private struct Isolation {
  /// Identifies an entry by lane and id.
  struct Entry: Hashable {
    var lane: Int32
    var ms: UInt64
  }

  var random: SeededGenerator
  var evidence = CommitEvidence()
  /// The entries that make any transaction fail.
  var poison: Set<Entry> = []
  /// The percentage of attempts in which the connection is lost, whatever is in the batch.
  var outage = 0
  /// The percentage of attempts after which a lease is renewed.
  var renewals = 0
  var otherBatches = 0
  /// The number of attempts after which the outage ends.
  var outageEnds = Int.max
  var attemptsLeft = 20_000

  var applied: [Int32: [UInt64]] = [:]
  var dead: [Int32: [UInt64]] = [:]
  var givenBack: [Int32: [UInt64]] = [:]
  var cursors: [Int32: LaneCursor] = [:]

  init(seed: Int) { random = SeededGenerator(seed: UInt64(seed)) }

  mutating func run(_ parts: [LaneScheduler.Work.Part]) {
    for part in parts { cursors[part.record.laneID] = part.record.cursor }
    var plan = CommitPlan(parts)
    while let step = plan.current, attemptsLeft > 0 { advance(&plan, step) }
    giveBack(plan.leaveOut(plan.lanes))
  }

  private mutating func giveBack(_ parts: [LaneScheduler.Work.Part]) {
    for part in parts { givenBack[part.record.laneID, default: []] += part.ids }
  }

  /// Executes a step as the engine does.
  private mutating func advance(_ plan: inout CommitPlan, _ step: CommitPlan.Step) {
    let batch = Self.batch(step)
    var following = plan.following
    var machine = CommitMachine(
      retry: RetryPolicy(base: .seconds(1), cap: .seconds(1)), laneCount: step.parts.count, entryCount: batch.entries.count,
      undecided: batch.applied.count, isPiece: step.isPiece)
    while attemptsLeft > 0 {
      guard let error = commit(batch) else {
        return plan.committed(zip(step.parts, BatchOutcome(batch).lanes).map { $0.record.advanced(by: $1) })
      }
      var action = machine.failed(error, evidence, random: 0)
      if case .resolve = action { action = machine.notCommitted(evidence, random: 0) }
      switch action {
      case .bisect: return plan.bisect()
      case .deadLetter(let rejection): return plan.deadLetter(batch.entries[batch.applied[0]].id, rejection)
      case .dryRun:
        guard !following.isEmpty else { return giveBack(plan.leaveOut(step.lanes)) }
        let next = following.removeFirst()
        following.append(next)
        let rehearsal = Self.batch(CommitPlan.Step(parts: [next]))
        attemptsLeft -= 1
        if refusal(of: rehearsal) == nil { evidence.batches += 1 }
      default: break
      }
    }
  }

  private static func batch(_ step: CommitPlan.Step) -> ChangeBatch {
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: false))
    for part in step.parts { builder.append(lane: part.record, partition: nil, part.chunks) }
    var batch = builder.finish()
    for index in batch.entries.indices {
      if let rejection = step.deadLettered[batch.entries[index].id] { batch.reject([index: rejection]) }
    }
    return batch
  }

  private static func key(_ index: Int, of batch: ChangeBatch) -> Entry {
    Entry(lane: batch.segments[batch.entries[index].lane].laneID, ms: batch.entries[index].id.ms)
  }

  private mutating func refusal(of batch: ChangeBatch) -> SinkError? {
    outageEnds -= 1
    let isOut = outageEnds >= 0 && random.chance(outage)
    guard isOut || batch.applied.contains(where: { poison.contains(Self.key($0, of: batch)) }) else { return nil }
    return SinkError(.fault(.interrupted), "gone", isOutcomeUnknown: random.chance(50), sqlstate: "57P02")
  }

  /// Commits a batch. Returns nil where it succeeded.
  private mutating func commit(_ batch: ChangeBatch) -> SinkError? {
    attemptsLeft -= 1
    defer {
      if random.chance(renewals) { evidence.renewals += 1 }
      if random.chance(otherBatches) { evidence.batches += 1 }
    }
    if let refusal = refusal(of: batch) { return refusal }
    let outcome = BatchOutcome(batch)
    for (segment, lane) in zip(batch.segments, outcome.lanes) {
      #expect(cursors[segment.laneID] == segment.before)
      cursors[segment.laneID] = lane.cursor
    }
    for index in batch.applied {
      let entry = Self.key(index, of: batch)
      applied[entry.lane, default: []].append(entry.ms)
    }
    for letter in outcome.deadLetters {
      let entry = Self.key(letter.entry, of: batch)
      dead[entry.lane, default: []].append(entry.ms)
    }
    if !batch.applied.isEmpty { evidence.batches += 1 }
    return nil
  }
}

@Suite struct IsolationTests {
  private static func parts(_ random: inout SeededGenerator, lanes: Int) -> [LaneScheduler.Work.Part] {
    (1...Int32(lanes)).map { .of($0, chunks: [1 + random.below(10), 1 + random.below(60)]) }
  }

  /// Expects that every entry has one outcome, in order.
  private static func expectComplete(_ world: Isolation, _ parts: [LaneScheduler.Work.Part]) {
    for part in parts {
      let lane = part.record.laneID
      let applied = world.applied[lane] ?? []
      let dead = world.dead[lane] ?? []
      #expect(applied == applied.sorted())
      #expect((applied + dead).sorted() + (world.givenBack[lane] ?? []) == part.ids)
    }
  }

  @Test(arguments: 0..<20) func `every bad entry becomes a dead letter while others commit, and all other entries are applied`(seed: Int) {
    var world = Isolation(seed: seed)
    let parts = Self.parts(&world.random, lanes: 1 + seed % 3)
    for part in parts {
      for ms in part.ids where world.random.chance(seed % 10) { world.poison.insert(.init(lane: part.record.laneID, ms: ms)) }
    }
    world.renewals = 60
    world.otherBatches = 100
    world.run(parts)
    Self.expectComplete(world, parts)
    #expect(world.givenBack.isEmpty)
    for (lane, dead) in world.dead { for ms in dead { #expect(world.poison.contains(.init(lane: lane, ms: ms))) } }
    #expect(world.dead.values.reduce(0) { $0 + $1.count } == world.poison.count)
  }

  @Test(arguments: 0..<20) func `a single lane goes on behind its bad entries, and only bad entries at its end wait`(seed: Int) {
    var world = Isolation(seed: seed)
    let parts = Self.parts(&world.random, lanes: 1)
    let ids = parts[0].ids
    for ms in ids where world.random.chance(5) { world.poison.insert(.init(lane: 1, ms: ms)) }
    if seed % 2 == 0, let last = ids.last { world.poison.insert(.init(lane: 1, ms: last)) }
    world.renewals = 50
    world.run(parts)
    Self.expectComplete(world, parts)
    let left = world.givenBack[1] ?? []
    for ms in left { #expect(world.poison.contains(.init(lane: 1, ms: ms))) }
    #expect((world.dead[1] ?? []).count + left.count == world.poison.count)
  }

  @Test(arguments: 0..<6) func `an outage makes no dead letter, however long it lasts and whatever else commits on the server`(seed: Int) {
    for (renewals, otherBatches) in [(0, 0), (50, 0), (100, 0)] {
      var world = Isolation(seed: seed)
      let parts = Self.parts(&world.random, lanes: 1 + seed % 3)
      world.outage = 100
      (world.renewals, world.otherBatches) = (renewals, otherBatches)
      world.attemptsLeft = 400
      world.run(parts)
      #expect(world.dead.isEmpty)
      #expect(world.applied.isEmpty)
      // The outage ends.
      world.outage = 0
      world.attemptsLeft = 3_000
      for part in parts { #expect(world.givenBack[part.record.laneID] == part.ids) }
      world.givenBack = [:]
      world.run(parts)
      Self.expectComplete(world, parts)
      #expect(world.dead.isEmpty)
    }
  }

  @Test(arguments: 0..<100) func `an outage that ends at any moment has made no dead letter`(attempts: Int) {
    var world = Isolation(seed: attempts)
    let parts: [LaneScheduler.Work.Part] = [.of(1, chunks: [12])]
    world.outage = 100
    world.outageEnds = attempts
    world.renewals = 100
    world.run(parts)
    Self.expectComplete(world, parts)
    #expect(world.dead.isEmpty)
    #expect(world.givenBack.isEmpty)
  }

  @Test(arguments: 0..<12) func `outages that come and go make no dead letter`(seed: Int) {
    var world = Isolation(seed: seed)
    let parts = Self.parts(&world.random, lanes: 1 + seed % 3)
    world.outage = 20
    world.renewals = 30
    for _ in 0..<5 {
      world.run(parts)
      Self.expectComplete(world, parts)
      #expect(world.dead.isEmpty)
      (world.applied, world.givenBack) = ([:], [:])
    }
  }
}
