@testable import TidemarkCore

/// A ledger that commits as the real one does: all of a batch or nothing, fenced, by compare-and-set; leases on its own clock.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedLedger: @unchecked Sendable {
  /// What is in it.
  struct Content {
    var lanes: [String: LaneRecord] = [:]
    /// By position, the digest that `changes` keeps and what the producer wrote.
    var changes: [String: [EntryID: (digest: ContentDigest, value: Int)]] = [:]
    /// In the order of their numbers.
    var applied: [String: [Int]] = [:]
    var deadLetters: [String: [Int: (position: EntryID, digest: ContentDigest)]] = [:]
    /// The contents that are dead letters, by position.
    var letters: [String: [EntryID: Set<ContentDigest>]] = [:]
    var missing: [String: Int] = [:]
    var replacements: [String: [LaneGap.Cause]] = [:]
    /// Dead letters of what was a change at the same position already.
    var rejectedThoughApplied: [String: Set<Int>] = [:]
    var items: [String: ItemInEffect] = [:]
    /// How far the comparison has come, in which incarnation.
    var verified: [String: (incarnation: Int64, through: EntryID)] = [:]
    /// Where each incarnation of a lane began, and the furthest position before it.
    var began: [String: EntryID] = [:]
    var furthestBefore: [String: EntryID] = [:]
    var divergences: [Divergence] = []
    var leases: [Int: Lease] = [:]
    var workers: [String: (canServe: Bool, seenAt: ContinuousClock.Instant)] = [:]
  }

  struct Lease {
    var holder: String?
    var expires: ContinuousClock.Instant
    var fence: Int64
  }

  private let time: SimulatedTime
  private(set) var content = Content()
  private var standby = Content()
  /// A copy of its disk.
  private var copy = Content()
  /// No fencing token is given twice, on whichever timeline.
  private var fences: Int64 = 0
  private(set) var timeline = 1
  /// Rises when all connections end.
  private(set) var connections = 0
  private(set) var isAway = false
  /// Raised when a worker or an operator has changed something that others want to know.
  let news = ChangeSignal()
  /// Told of each incarnation that follows a replacement, before it takes effect.
  var onBegin: (NewIncarnation) -> Void = { _ in }
  /// Told of each range that is said to be verified, before that takes effect.
  var onVerified: (LaneRecord, ReconciledRange) -> Void = { _, _ in }
  /// Values that only the ledger refuses.
  private let isPoison: (Int) -> Bool

  init(_ time: SimulatedTime, isPoison: @escaping (Int) -> Bool) {
    self.time = time
    self.isPoison = isPoison
  }

  // Leases

  func renew(_ worker: String, canServe: Bool, ttl: Duration) -> LeaseGrant {
    let before = content.workers.updateValue((canServe, time.now), forKey: worker)
    if before?.canServe != canServe { news.raise() }
    for (shard, lease) in content.leases where lease.holder == worker { content.leases[shard]?.expires = time.now.advanced(by: ttl) }
    return LeaseGrant(shards: content.leases.filter { $0.value.holder == worker }.mapValues(\.fence))
  }

  private func isFree(_ shard: Int) -> Bool {
    content.leases[shard].map { $0.holder == nil || $0.expires < time.now } ?? true
  }

  func leases(within ttl: Duration) -> LeaseTable {
    let busy = Set(content.lanes.values.map(\.shard))
    return LeaseTable(
      shards: (0..<Shard.count).map {
        ShardLease(shard: $0, holder: content.leases[$0]?.holder, isFree: isFree($0), hasLanes: busy.contains($0))
      },
      workers: content.workers.filter { $0.value.seenAt.advanced(by: ttl) > time.now }.map { LiveWorker(name: $0, canServe: $1.canServe) })
  }

  func take(_ shards: [Int], for worker: String, ttl: Duration) -> LeaseGrant {
    var grant = LeaseGrant()
    for shard in shards where isFree(shard) {
      fences += 1
      content.leases[shard] = Lease(holder: worker, expires: time.now.advanced(by: ttl), fence: fences)
      grant.shards[shard] = fences
      for (name, lane) in content.lanes where lane.shard == shard { own(name, worker) }
    }
    return grant
  }

  private func own(_ lane: String, _ worker: String?) {
    fences += 1
    content.lanes[lane]?.owner = worker
    content.lanes[lane]?.fence = fences
  }

  func release(_ shards: [Int], of worker: String) {
    for shard in shards where content.leases[shard]?.holder == worker {
      content.leases[shard]?.holder = nil
      for (name, lane) in content.lanes where lane.shard == shard { own(name, nil) }
    }
    news.raise()
  }

  func leave(_ worker: String) {
    content.workers[worker] = nil
    release(Array(0..<Shard.count), of: worker)
  }

  // Lanes

  func lanes(named names: [String]) -> [LaneRecord] { names.compactMap { content.lanes[$0] } }

  func register(_ lanes: [NewLane]) {
    for lane in lanes where content.lanes[lane.name] == nil {
      fences += 1
      content.began[lane.name] = lane.position
      content.lanes[lane.name] = LaneRecord(
        laneID: Int32(content.lanes.count + 1), name: lane.name, shard: lane.shard, fence: fences, incarnation: 1,
        cursor: LaneCursor(position: lane.position, appliedNo: 0), ordinal: lane.baseline, baseline: lane.baseline,
        // A row that is made while its shard changes hands may miss that.
        owner: time.seeded.chance(20) ? nil : content.leases[lane.shard]?.holder)
    }
  }

  func reclaim(_ lanes: [String], for worker: String) -> [LaneRecord] {
    lanes.compactMap { name in
      guard let lane = content.lanes[name], content.leases[lane.shard]?.holder == worker else { return nil }
      own(name, worker)
      return content.lanes[name]
    }
  }

  /// Answers whether it takes effect now.
  func putInEffect(_ item: NewItem) -> Bool {
    guard content.items[item.streams] == nil else { return false }
    content.items[item.streams] = ItemInEffect(streams: item.streams, unmeasured: Set(item.unmeasured))
    register(item.lanes)
    return true
  }

  /// False where the lane was moved meanwhile.
  func begin(_ incarnation: NewIncarnation) -> Bool {
    let ended = incarnation.ended
    guard var lane = content.lanes[ended.name], lane.fence == ended.fence, lane.cursor == ended.cursor, lane.ordinal == ended.ordinal else {
      return false
    }
    onBegin(incarnation)
    content.replacements[ended.name, default: []].append(incarnation.cause)
    lane.incarnation += 1
    // Of ids that `changes` can't hold nothing is there.
    lane.furthest = max(ended.furthest, content.changes[ended.name]?.keys.max() ?? .zero)
    content.furthestBefore[ended.name] = lane.furthest
    content.began[ended.name] = incarnation.start
    lane.cursor.position = incarnation.start
    lane.ordinal = incarnation.startOrdinal
    lane.baseline = incarnation.startOrdinal
    lane.totals = LaneCounts()
    lane.anchor = nil
    lane.isMirrored = false
    content.lanes[ended.name] = lane
    return true
  }

  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) -> Bool {
    guard let held = content.lanes[lane.name], held.fence == lane.fence, held.incarnation == lane.incarnation else { return false }
    content.lanes[lane.name]?.incarnation = incarnation
    return true
  }

  func mirrored(_ lane: LaneRecord) {
    guard content.lanes[lane.name]?.fence == lane.fence, content.lanes[lane.name]?.incarnation == lane.incarnation else { return }
    content.lanes[lane.name]?.isMirrored = true
  }

  // Transactions

  func commit(_ batch: ChangeBatch, _ mode: CommitMode) throws -> BatchOutcome {
    let lost = batch.segments.filter { segment in
      guard let lane = content.lanes[segment.lane] else { return true }
      return lane.fence != segment.fence || lane.cursor != segment.before || lane.ordinal != segment.ordinalBefore
    }
    guard lost.isEmpty else { throw SinkError(.fenced(lost.map(\.laneID)), "fenced") }
    let outcomes = outcomes(of: batch, mode)
    if mode == .fast, !outcomes.isEmpty { throw SinkError(.fault(.record), "a record is refused") }
    let outcome = BatchOutcome(batch, outcomes: outcomes)
    for numbered in outcome.numbers {
      let entry = batch.entries[numbered.entry]
      let lane = batch.segments[entry.lane].lane
      content.changes[lane, default: [:]][entry.id] = (entry.digest, batch.value(of: entry))
      content.applied[lane, default: []].append(batch.value(of: entry))
    }
    for letter in outcome.deadLetters {
      let entry = batch.entries[letter.entry]
      let (lane, value) = (batch.segments[entry.lane].lane, batch.value(of: entry))
      content.deadLetters[lane, default: [:]][value] = (entry.id, entry.digest)
      content.letters[lane, default: [:]][entry.id, default: []].insert(entry.digest)
      if let known = content.changes[lane]?[entry.id], known.value == value {
        content.rejectedThoughApplied[lane, default: []].insert(value)
      }
    }
    for (segment, lane) in zip(batch.segments, outcome.lanes) {
      content.lanes[segment.lane] = content.lanes[segment.lane]?.advanced(by: lane)
      content.missing[segment.lane, default: 0] += segment.missing
    }
    return outcome
  }

  private func outcomes(of batch: ChangeBatch, _ mode: CommitMode) -> [EntryOutcome] {
    var outcomes: [EntryOutcome] = []
    for index in batch.applied {
      let entry = batch.entries[index]
      if let known = content.changes[batch.segments[entry.lane].lane]?[entry.id] {
        outcomes.append(EntryOutcome(entry: index, kind: known.digest == entry.digest ? .reread : .divergent))
      } else if isPoison(batch.value(of: entry)) {
        outcomes.append(EntryOutcome(entry: index, kind: .rejected(Rejection(.constraint, "poison", sqlstate: "23514"))))
      }
    }
    guard mode != .fast else { return outcomes }
    // As the writer does, which asks only on the exact path.
    let known = batch.entriesThatMayRepeat.compactMap { index -> KnownEntry? in
      let (entry, lane) = (batch.entries[index], batch.segments[batch.entries[index].lane].lane)
      let change = content.changes[lane]?[entry.id]
      let isLetter = content.letters[lane]?[entry.id]?.contains(entry.digest) ?? false
      guard change != nil || isLetter else { return nil }
      let isSame = change.map { entry.digest == .none || $0.digest == entry.digest } ?? false
      return KnownEntry(entry: index, isSame: isSame, isLetter: isLetter)
    }
    return EntryOutcome.all(outcomes, known: known, in: batch)
  }

  /// Applies the first dead letter of a lane that was not replayed yet, behind its owner's back. Nil: there is none.
  func replay(_ lane: String) -> Int? {
    let applied = Set(content.applied[lane] ?? [])
    let letters = content.deadLetters[lane, default: [:]].sorted { $0.key < $1.key }
    guard let (value, letter) = letters.first(where: { !applied.contains($0.key) }), content.changes[lane]?[letter.position] == nil else {
      return nil
    }
    content.applied[lane, default: []].append(value)
    content.changes[lane, default: [:]][letter.position] = (letter.digest, value)
    content.lanes[lane]?.cursor.appliedNo += 1
    return value
  }

  // Comparison with the streams

  func verified(_ lane: LaneRecord) -> VerifiedLane {
    let began = content.began[lane.name] ?? .zero
    let known = content.verified[lane.name].flatMap { $0.incarnation == lane.incarnation ? $0.through : nil }
    return VerifiedLane(laneID: lane.laneID, incarnation: lane.incarnation, began: began, through: known ?? began)
  }

  /// The changes of a range, in order.
  func changes(of lane: String, in range: EntryRange, limit: Int) -> [StoredChange] {
    let found = content.changes[lane, default: [:]].filter { range.contains($0.key) }.sorted { $0.key < $1.key }
    return found.prefix(limit).map { StoredChange(id: $0.key, digest: $0.value.digest, session: "s") }
  }

  /// Nil where the lane is another one's by now.
  func record(_ range: ReconciledRange) -> [Divergence]? {
    guard let lane = lane(range.lane), lane.fence == range.fence, lane.incarnation == range.incarnation,
      verified(lane).through == range.range.after, range.range.through <= lane.cursor.position
    else { return nil }
    onVerified(lane, range)
    let found = range.divergences.filter { !content.divergences.contains($0) }
    content.divergences += found
    content.verified[lane.name] = (lane.incarnation, range.range.through)
    return found
  }

  func lane(_ id: Int32) -> LaneRecord? { content.lanes.values.first { $0.laneID == id } }

  // What happens to it

  func setAway(_ isAway: Bool) {
    self.isAway = isAway
    if isAway { connections += 1 }
  }

  func replicate() { standby = content }

  func copyDisk() { copy = content }

  /// The copy of the disk takes its place, on the same timeline. Leases are part of it.
  func restoreDisk() {
    content = copy
    connections += 1
  }

  /// The standby takes over, with what it has.
  func promote() {
    content = standby
    timeline += 1
    connections += 1
  }
}

extension ChangeBatch {
  /// What the producer of an entry wrote, see ``SimulatedStream/fields(_:)``.
  fileprivate func value(of entry: BatchEntry) -> Int {
    let block = blocks[entry.block]
    return block.withFields(of: block.entries[entry.indexInBlock]) { fields, bytes in
      fields.last.flatMap { Int(String(decoding: UnsafeBufferPointer(rebasing: bytes[$0.value]), as: UTF8.self)) } ?? -1
    }
  }
}
