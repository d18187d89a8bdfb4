import TidemarkTestKit

@testable import TidemarkCore

/// Producers, workers, a Redis and a Postgres on a virtual clock, moved by one seed. Everything that happens is a step, so two things that
/// take time are in every order with one another.
struct WorldSimulation {
  static let ttl = Duration.seconds(10)

  var random: SeededGenerator
  var now = epoch
  var redis = SimulatedRedis()
  var postgres: SimulatedPostgres
  var workers: [SimulatedWorker] = []
  let lanes: [String]
  /// Those of them that are found by a pattern, while their stream exists.
  let patternLanes: Set<String>
  let limits: FlowLimits
  let retry = RetryPolicy(base: .milliseconds(50), cap: .seconds(1))
  private var workerCount = 0
  /// Every value that was ever written, with its lane.
  private(set) var written: [Int: String] = [:]
  /// What was removed by us although Postgres did not have it, and other things that must never be.
  private(set) var problems: [String] = []
  private(set) var counts: [String: Int] = [:]
  /// For people: what happened, step by step. Filled only when asked for.
  private(set) var story: [String] = []
  private let tells: Bool
  /// Faults are over.
  private var isHealing = false
  /// What a promoted standby lacked may be gone from Redis, and marks that were told before may be ahead of it.
  private(set) var hasPromoted = false
  /// Postgres went back without another timeline, and marks that were told before may be ahead of it.
  private(set) var hasGoneBack = false
  /// Lanes whose stream was taken away or set back; of them those where that can be told, because something of it had been read and its group
  /// was there, and those where it had been read and the group was not: what comes then may look like the old one (ops/promises.md).
  private var destroyed: Set<String> = []
  private var tellable: Set<String> = []
  private(set) var ambiguous: Set<String> = []

  init(seed: UInt64, tells: Bool = false) {
    self.tells = tells
    var generator = SeededGenerator(seed: seed)
    let names = (0..<(1 + generator.below(3))).map { "lane\($0)" }
    lanes = names
    patternLanes = Set(names.filter { _ in generator.chance(40) })
    random = generator
    postgres = SimulatedPostgres(lanes: lanes) { $0 % 41 == 40 }
    limits = FlowLimits(
      maxEntries: 1 + random.below(10), maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 10_000,
      haltAfterDeadLetters: 10_000, haltBackoff: .milliseconds(100))
    for _ in 0..<(1 + random.below(3)) { start() }
  }

  mutating func note(_ kind: String, _ what: String = "") {
    counts[kind, default: 0] += 1
    if tells { story.append("\(now - epoch) \(kind) \(what)") }
  }

  mutating func problem(_ what: String) {
    problems.append(what)
    if tells { story.append("PROBLEM \(what)") }
  }

  mutating func start() {
    workerCount += 1
    // Each is started with the settings of its day.
    workers.append(
      SimulatedWorker(
        name: workerCount, limits: limits, writers: 2, timeline: postgres.timeline, replacesNUL: random.chance(50), now: now))
  }

  // Steps

  mutating func step() {
    now = now.advanced(by: .milliseconds(random.below(60)))
    if random.below(100) < 10 { return write() }
    if !isHealing, random.below(100) < 6 { return fault() }
    guard !workers.isEmpty else { return start() }
    let index = random.below(workers.count)
    if let until = workers[index].frozenUntil {
      guard until <= now || isHealing else { return }
      workers[index].frozenUntil = nil
      note("thaw", "worker \(workers[index].name)")
    }
    switch random.below(100) {
    case 0..<35: read(index)
    case 35..<77: write(index, writer: random.below(workers[index].writers.count))
    case 77..<80: compare(index)
    case 80..<88: publish(index)
    case 88..<96: lease(index)
    default: trim(index)
    }
  }

  mutating func write() {
    guard !isHealing else { return }
    let lane = lanes[random.below(lanes.count)]
    for _ in 0..<(1 + random.below(4)) {
      let value = written.count
      let id = redis.add(lane, value: value, ms: milliseconds())
      written[value] = lane
      note("written", "\(value) to \(lane) as \(id)")
    }
  }

  /// What a producer takes for the time: its clock is sometimes behind or ahead, its unit another, or it is no time at all. All that follows in
  /// the stream comes behind that.
  private mutating func milliseconds() -> UInt64 {
    let ms = UInt64((now - epoch) / .milliseconds(1)) + 1
    switch random.below(1_000) {
    case 0..<100: return ms / 2
    case 100..<103:
      note("id from the future")
      return ms + 1_000_000
    case 103..<106:
      note("id in microseconds")
      return ms * 1_000
    case 106..<108:
      note("id beyond bigint")
      return 1 << 63 + ms
    default: return ms
    }
  }

  mutating func fault() {
    // Streams of patterns come and go.
    if let job = patternLanes.sorted().randomElement(using: &random), random.chance(15), redis.streams[job] != nil {
      destroy(job, leaving: 0)
      redis.drop(job)
      return note("stream gone", job)
    }
    let lane = lanes[random.below(lanes.count)]
    let length = redis.streams[lane]?.entries.count ?? 0
    switch random.below(100) {
    case 0..<15:
      redis.trim(lane, toLength: random.below(6))
      note("MAXLEN", lane)
    case 15..<30:
      guard length > 0 else { return }
      redis.delete(lane, at: random.below(length))
      note("XDEL", lane)
    case 30..<34:
      destroy(lane, leaving: 0)
      redis.drop(lane)
      note("DEL", lane)
    case 34..<36:
      for lane in lanes { destroy(lane, leaving: 0) }
      redis.flush()
      note("FLUSHALL")
    case 36..<44: redis.keepCopy(lane)
    case 44..<49:
      guard let left = redis.rewind(lane) else { return }
      destroy(lane, leaving: left)
      note("rewind", lane)
    case 49..<59:
      postgres.isDown.toggle()
      note(postgres.isDown ? "Postgres away" : "Postgres back")
    case 59..<69:
      guard workers.count > 0 else { return }
      let index = random.below(workers.count)
      note("crash", "worker \(workers[index].name)")
      workers.remove(at: index)
      start()
    case 69..<80:
      guard workers.count > 0 else { return }
      let index = random.below(workers.count)
      workers[index].frozenUntil = now.advanced(by: .milliseconds(random.below(40_000)))
      note("freeze", "worker \(workers[index].name)")
    case 80..<84: postgres.replicate()
    case 84..<86: postgres.copyDisk()
    case 86..<88: goBack()
    case 88..<90:
      if !postgres.isDown, let value = postgres.replay(lane) { note("replayed", "\(value) of \(lane)") }
    case 90..<93:
      postgres.promote()
      hasPromoted = true
      note("promote")
    case 93..<97: if workers.count < 4 { start() }
    default: now = now.advanced(by: .seconds(random.below(30)))
    }
  }

  /// A copy of Postgres' disk is restored, and everything that was under way at the server ends with it.
  private mutating func goBack() {
    postgres.restoreDisk()
    hasGoneBack = true
    for index in workers.indices { workers[index].loseConnections() }
    note("restored disk")
  }

  private mutating func destroy(_ lane: String, leaving added: UInt64) {
    guard redis.streams[lane] != nil || added > 0 else { return }
    destroyed.insert(lane)
    guard let record = postgres.lane(lane), record.ordinal > added else {
      // An older copy that has all that was read: it is as if nothing had happened, and what was recorded as lost may be there again.
      tellable.remove(lane)
      ambiguous.insert(lane)
      return
    }
    if record.isMirrored, added == 0 {
      tellable.insert(lane)
    } else {
      // An older copy that grows past the cursor before anybody looks, and has lost the cursor's entry by then, looks trimmed; and so does
      // whatever took its place before, if nobody recorded that.
      tellable.remove(lane)
      ambiguous.insert(lane)
    }
  }

  /// Ends all faults, and lets everything come to rest.
  mutating func heal() {
    isHealing = true
    postgres.isDown = false
    for _ in 0..<40_000 where problems.isEmpty {
      if isAtRest { return }
      step()
    }
    if !isAtRest { problem("it does not come to rest: \(lanes.map { "\($0) \(rest(of: $0))" })") }
  }

  private func rest(of lane: String) -> String {
    let (record, stream) = (postgres.lane(lane), redis.streams[lane])
    return "at \(record?.cursor.position ?? .zero) of \(record?.ordinal ?? 0), Redis \(stream?.last ?? .zero) of \(stream?.added ?? 0)"
  }

  /// Every lane's ledger accounts for all that Redis added, and nobody has anything under way.
  private var isAtRest: Bool {
    lanes.allSatisfy { lane in
      guard let record = postgres.lane(lane) else { return false }
      guard let stream = redis.streams[lane] else { return record.ordinal == 0 }
      return record.ordinal == stream.added && (stream.entries.last.map { $0.id <= record.cursor.position } ?? true)
    }
  }

  /// What the producers wrote is in Postgres once, or is a dead letter, or is accounted for as lost.
  mutating func verify() {
    for lane in lanes {
      guard let record = postgres.lane(lane) else { continue }
      let applied = postgres.content.applied[lane] ?? []
      let dead = postgres.content.deadLetters[lane] ?? []
      // What is in Postgres stays what it is there, whatever today's rules say; but it may become a change that was none.
      if !Set(applied).isDisjoint(with: postgres.content.rejectedThoughApplied[lane] ?? []) {
        problem("\(lane): a change was made a dead letter as well")
      }
      if Set(applied).count != applied.count { problem("\(lane): something is there twice") }
      if applied.contains(where: { written[$0] != lane }) { problem("\(lane): something is there that nobody wrote") }
      if Int64(applied.count) != record.cursor.appliedNo {
        problem("\(lane): \(applied.count) changes, \(record.cursor.appliedNo) counted")
      }
      if record.totals.discrepancy != 0 { problem("\(lane): what was read does not add up: \(record.totals)") }
      if record.totals.read + record.totals.missing + Int(record.baseline) != Int(record.ordinal) {
        problem("\(lane): what Redis added does not add up: \(record.totals), baseline \(record.baseline), ordinal \(record.ordinal)")
      }
      let decided = Set(applied).union(dead)
      let lost = written.filter { $0.value == lane && !decided.contains($0.key) }.map(\.key)
      for entry in redis.streams[lane]?.entries ?? []
      where !decided.contains(entry.value) && !ambiguous.contains(lane) {
        problem("\(lane): \(entry.value) is in Redis as \(entry.id) and was never applied")
      }
      if let mark = redis.marks[lane], mark.incarnation == record.incarnation, mark.durable > record.cursor.position,
        redis.streams[lane]?.entries.contains(where: { $0.id >= mark.durable }) == true
      {
        problem("\(lane): the mark stays ahead: \(mark.durable), committed \(record.cursor.position)")
      }
      let missing = postgres.content.missing[lane] ?? 0
      let breaks = postgres.content.breaks[lane] ?? []
      if !hasPromoted, !hasGoneBack, !destroyed.contains(lane), lost.count != missing {
        problem("\(lane): \(lost.count) are lost (\(lost.sorted())), \(missing) are counted as missing")
      }
      if !hasPromoted, !hasGoneBack, tellable.contains(lane), breaks.isEmpty { problem("\(lane): another stream, and not a word") }
      counts["lost"] = counts["lost", default: 0] + lost.count
      counts["breaks"] = counts["breaks", default: 0] + breaks.count
      counts["applied"] = counts["applied", default: 0] + applied.count
      counts["dead letters"] = counts["dead letters", default: 0] + dead.count
    }
  }
}
