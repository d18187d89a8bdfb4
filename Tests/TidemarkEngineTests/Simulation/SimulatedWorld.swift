import Logging
import TidemarkTestKit

@testable import TidemarkCore
@testable import TidemarkEngine

/// Producers, workers, the servers of a Redis and a ledger, moved by one seed.
///
/// The workers are those that ship, with all their tasks: the world gives them its clock, its chance, and servers in memory behind the engine's ports.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedWorld: @unchecked Sendable {
  /// Made once: it takes longer than a run.
  static let routes = RouteTable.builtIn

  let time: SimulatedTime
  /// What is neither a worker's nor a server's: producers, operators, faults.
  let machine: SimulatedMachine
  let redis: SimulatedRedis
  let ledger: SimulatedLedger
  let catalog = LaneCatalog(prefix: "t", partitions: 2, items: [LaneItem(streams: "job*", start: .oldest)])
  let lanes: [String]
  var workers: [SimulatedWorker] = []
  private var workerCount = 0
  let settings: WorkerSettings
  /// Every value that was ever written, with its lane.
  private(set) var written: [Int: String] = [:]
  /// The ids that Redis gave to them.
  private var ids: [Int: EntryID] = [:]
  private(set) var problems: [String] = []
  private(set) var counts: [String: Int] = [:]
  /// What happened, for people; filled only when asked for.
  private(set) var story: [String] = []
  private let isTold: Bool
  var isHealing = false
  /// What a promoted standby lacked may be gone from Redis, and marks that were published before may be ahead of it.
  var hasLedgerLostCommits = false
  /// Lanes whose stream was taken away or set back; of them those where that can be told, because something of it had been read and its group
  /// was there, and those where what came next may look like the old one (ops/promises.md).
  var destroyed: Set<String> = []
  var tellable: Set<String> = []
  var ambiguous: Set<String> = []
  /// How many entries producers and operators removed from a lane's streams that went on.
  var removed: [String: Int] = [:]

  init(seed: UInt64, isTold: Bool = false) {
    self.isTold = isTold
    time = SimulatedTime(seed: seed)
    machine = SimulatedMachine(time)
    let serverCount = time.seeded.chance(40) ? 1 : 2 + time.seeded.below(2)
    redis = SimulatedRedis(servers: serverCount == 1 ? [.only] : (0..<serverCount).map { LaneServer("node\($0)") })
    ledger = SimulatedLedger(time) { $0 % 41 == 40 }
    lanes = catalog.partitionLanes + (0..<time.seeded.below(3)).map { "job\($0)" }
    settings = WorkerSettings(
      flow: FlowLimits(
        maxEntries: 1 + time.seeded.below(10), maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 10_000,
        haltAfterDeadLetters: 10_000, haltBackoff: .milliseconds(500)),
      decode: .init(maxEntryBytes: 10_000, replacesNUL: false), retry: RetryPolicy(base: .milliseconds(50), cap: .seconds(1)),
      lanes: catalog, writers: 1 + time.seeded.below(2), discover: .seconds(1), leaseTTL: .seconds(6), checkpointInterval: .seconds(10),
      retention: RetentionLimits(dedupeWindow: .seconds(3_600)),
      trim: TrimLimits(isEnabled: true, keep: .seconds(2), keepBytes: 1 << 20, ignoredGroups: []),
      reconciliation: ReconciliationLimits(interval: .seconds(1)))
    redis.onPublish = { [unowned self] in check($0) }
    redis.onTrim = { [unowned self] in check($0, trimmed: $1) }
    ledger.onBegin = { [unowned self] in check($0) }
    ledger.onVerified = { [unowned self] in check($0, verified: $1) }
  }

  /// Runs the world until `body` has ended. An error that it throws is a problem.
  func finish(_ body: @escaping @Sendable () async throws -> Void) {
    let isOver = SimulatedFlag()
    Task(executorPreference: machine) { [self] in
      do {
        try await body()
      } catch {
        problem("\(error)")
      }
      isOver.isSet = true
    }
    if !time.run(until: { isOver.isSet }) { problem("nothing moves any more") }
  }

  func note(_ kind: String, _ what: @autoclosure () -> String = "") {
    counts[kind, default: 0] += 1
    tell("\(kind) \(what())")
  }

  func tell(_ what: @autoclosure () -> String) {
    if isTold { story.append("\(time.now - SimulatedTime.epoch) \(what())") }
  }

  func problem(_ what: String) {
    problems.append(what)
    tell("PROBLEM \(what)")
  }

  func startWorker() {
    workerCount += 1
    var settings = settings
    // Each is started with the settings of its day.
    settings.decode.replacesNUL = time.seeded.chance(50)
    let name = "worker\(workerCount)"
    let logger = Logger(label: name) { _ in SimulatedLog(worker: name) { [weak self] event in self?.logged(event) } }
    let worker = SimulatedWorker(name: name, world: self, settings: settings, logger: logger)
    workers.append(worker)
    worker.network.lostAnswers = isHealing ? 0 : 5
    worker.start()
    note("start", name)
  }

  private func logged(_ event: SimulatedLog.Event) {
    counts[event.name, default: 0] += 1
    tell("\(event.worker) \(event.name) \(event.metadata)")
  }

  func write(_ lane: String) {
    for _ in 0..<(1 + time.seeded.below(4)) {
      let (value, ms) = (written.count, milliseconds())
      let id = redis.change(lane) { stream in
        if stream == nil { stream = SimulatedStream(identity: value) }
        return stream?.add(value, ms: ms) ?? .zero
      }
      written[value] = lane
      ids[value] = id
      note("written", "\(value) to \(lane) as \(id)")
    }
    redis.written.raise()
  }

  /// What a producer takes for the time: its clock is sometimes behind or ahead, its unit another, or it is no time at all. All that follows in
  /// the stream comes behind that.
  private func milliseconds() -> UInt64 {
    let ms = UInt64(time.milliseconds) + 1
    switch time.seeded.below(1_000) {
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

  // What must hold at every moment

  private func check(_ mark: DurableMark) {
    guard !hasLedgerLostCommits, let record = ledger.content.lanes[mark.lane] else { return }
    if (mark.incarnation, mark.durable) > (record.incarnation, record.cursor.position) {
      problem(
        "\(mark.lane): the mark \(mark.durable) of \(mark.incarnation) is ahead of \(record.cursor.position) of \(record.incarnation)")
    }
  }

  /// A row of `gaps` counts no more entries than were lost with the stream, and they are where it says. Where a new stream may have been
  /// taken for the old one, its counters were, too.
  private func check(_ incarnation: NewIncarnation) {
    let lane = incarnation.ended.name
    guard incarnation.atLeast > 0, !ambiguous.contains(lane) else { return }
    var kept = Set(redis.stream(lane)?.entries.map(\.value) ?? [])
    kept.formUnion(ledger.content.applied[lane] ?? [])
    kept.formUnion(ledger.content.deadLetters[lane, default: [:]].keys)
    let gone = written.filter { $0.value == lane && !kept.contains($0.key) }
    let lost = gone.compactMap { ids[$0.key] }.filter { $0 > incarnation.lostAfter }
    note("counted loss", "at least \(incarnation.atLeast) of \(lane) behind \(incarnation.lostAfter)")
    guard incarnation.atLeast > lost.count else { return }
    problem("\(lane): at least \(incarnation.atLeast) are lost behind \(incarnation.lostAfter), it says; \(lost.count) are")
  }

  /// Nothing is verified before it is committed. Nobody spoils anything, so that only entries that were deleted may be found.
  private func check(_ lane: LaneRecord, verified range: ReconciledRange) {
    note("verified", "\(lane.name) through \(range.range.through)")
    if range.range.through > lane.cursor.position {
      problem("\(lane.name): verified through \(range.range.through), committed \(lane.cursor.position)")
    }
    for divergence in range.divergences {
      note("divergence \(divergence.kind.rawValue)", "\(lane.name): \(divergence.detail)")
      let isExplained = divergence.kind == .entryDeleted && removed[lane.name, default: 0] > 0
      if !isExplained, !ambiguous.contains(lane.name) { problem("\(lane.name): \(divergence.detail)") }
    }
  }

  private func check(_ lane: String, trimmed: [SimulatedStream.Entry]) {
    note("trimmed", "\(trimmed.count) of \(lane)")
    let (applied, dead) = (
      Set(ledger.content.applied[lane] ?? []), Set(ledger.content.deadLetters[lane, default: [:]].keys)
    )
    for entry in trimmed where !applied.contains(entry.value) && !dead.contains(entry.value) && !hasLedgerLostCommits {
      problem("\(lane): \(entry.value) was trimmed and is not in the ledger")
    }
  }
}

/// `@unchecked Sendable`: see ``SimulatedTime``.
private final class SimulatedFlag: @unchecked Sendable {
  var isSet = false
}
