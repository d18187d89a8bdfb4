@testable import TidemarkCore

/// A ledger that commits as the real one does: all of a batch or nothing, fenced, by compare-and-set; leases on its own clock.
struct SimulatedPostgres {
  struct Lease {
    var worker: Int?
    var expires: ContinuousClock.Instant
  }

  /// What is in it.
  struct Content {
    var lanes: [String: LaneRecord]
    /// By position, the digest that `changes` keeps and what the producer wrote.
    var changes: [String: [EntryID: (digest: ContentDigest, value: Int)]] = [:]
    /// In the order of their numbers.
    var applied: [String: [Int]] = [:]
    var deadLetters: [String: Set<Int>] = [:]
    /// The contents that are dead letters, by position.
    var letters: [String: [EntryID: Set<ContentDigest>]] = [:]
    var missing: [String: Int] = [:]
    var breaks: [String: [LaneGap.Cause]] = [:]
    /// Dead letters of what was a change at the same position already.
    var rejectedThoughApplied: [String: Set<Int>] = [:]
  }

  private(set) var content: Content
  private var standby: Content
  /// A copy of its disk.
  private var observed: (content: Content, leases: [String: Lease])
  private var leases: [String: Lease] = [:]
  private var fences: Int64 = 0
  private(set) var timeline = 1
  var isDown = false
  /// Values that only Postgres refuses.
  let isPoison: (Int) -> Bool

  init(lanes: [String], isPoison: @escaping (Int) -> Bool) {
    var records: [String: LaneRecord] = [:]
    for (index, lane) in lanes.enumerated() { records[lane] = .named(lane, id: Int32(index + 1), fence: 0) }
    content = Content(lanes: records)
    standby = content
    observed = (content, [:])
    self.isPoison = isPoison
  }

  func lane(_ name: String) -> LaneRecord? { content.lanes[name] }

  /// Lanes of whose streams something is known.
  var begunLanes: [String] { content.lanes.values.filter { $0.ordinal > 0 }.map(\.name) }

  // Leases

  /// Takes and renews. Answers the lanes that this worker holds.
  mutating func lease(_ worker: Int, until: ContinuousClock.Instant, now: ContinuousClock.Instant) -> [String] {
    for (name, record) in content.lanes {
      let lease = leases[name]
      if lease?.worker != worker {
        guard lease == nil || lease?.worker == nil || lease.map({ $0.expires < now }) == true else { continue }
        // Never one that was given before, on whichever timeline.
        fences += 1
        content.lanes[name]?.fence = max(record.fence + 1, fences)
      }
      leases[name] = Lease(worker: worker, expires: until)
    }
    return leases.filter { $0.value.worker == worker }.map(\.key).sorted()
  }

  mutating func release(_ worker: Int) {
    for (name, lease) in leases where lease.worker == worker { leases[name]?.worker = nil }
  }

  // Transactions

  mutating func commit(_ batch: ChangeBatch, _ mode: CommitMode) -> Result<BatchOutcome, SinkError> {
    let lost = batch.segments.filter { segment in
      guard let lane = content.lanes[segment.lane] else { return true }
      return lane.fence != segment.fence || lane.cursor != segment.before || lane.ordinal != segment.ordinalBefore
    }
    guard lost.isEmpty else { return .failure(SinkError(.fenced(lost.map(\.laneID)), "fenced")) }
    var outcomes: [EntryOutcome] = []
    for index in batch.applied {
      let entry = batch.entries[index]
      let lane = batch.segments[entry.lane].lane
      if let known = content.changes[lane]?[entry.id] {
        outcomes.append(EntryOutcome(entry: index, kind: known.digest == entry.digest ? .reread : .divergent))
      } else if isPoison(value(of: entry, batch)) {
        outcomes.append(EntryOutcome(entry: index, kind: .rejected(Rejection(.constraint, "poison", sqlstate: "23514"))))
      }
    }
    // As the writer does, which asks only on the exact path.
    if mode != .fast {
      let known = batch.entriesThatMayRepeat.compactMap { index -> KnownEntry? in
        let (entry, lane) = (batch.entries[index], batch.segments[batch.entries[index].lane].lane)
        let change = content.changes[lane]?[entry.id]
        let isLetter = content.letters[lane]?[entry.id]?.contains(entry.digest) ?? false
        guard change != nil || isLetter else { return nil }
        let isSame = change.map { entry.digest == .none || $0.digest == entry.digest } ?? false
        return KnownEntry(entry: index, isSame: isSame, isLetter: isLetter)
      }
      outcomes = EntryOutcome.all(outcomes, known: known, in: batch)
    }
    if mode == .fast, !outcomes.isEmpty { return .failure(SinkError(.fault(.record), "a record is refused")) }
    let outcome = BatchOutcome(batch, outcomes: outcomes)
    for numbered in outcome.numbers {
      let entry = batch.entries[numbered.entry]
      let lane = batch.segments[entry.lane].lane
      content.changes[lane, default: [:]][entry.id] = (entry.digest, value(of: entry, batch))
      content.applied[lane, default: []].append(value(of: entry, batch))
    }
    for letter in outcome.deadLetters {
      let entry = batch.entries[letter.entry]
      let lane = batch.segments[entry.lane].lane
      content.deadLetters[lane, default: []].insert(value(of: entry, batch))
      content.letters[lane, default: [:]][entry.id, default: []].insert(entry.digest)
      if let known = content.changes[lane]?[entry.id], known.value == value(of: entry, batch) {
        content.rejectedThoughApplied[lane, default: []].insert(known.value)
      }
    }
    for (segment, lane) in zip(batch.segments, outcome.lanes) {
      content.lanes[segment.lane] = content.lanes[segment.lane]?.advanced(by: lane)
      content.missing[segment.lane, default: 0] += segment.missing
    }
    return .success(outcome)
  }

  private func value(of entry: BatchEntry, _ batch: ChangeBatch) -> Int {
    let block = batch.blocks[entry.block]
    let fields = block.fields(of: block.entries[entry.indexInBlock])
    return fields.last.flatMap { Int(block.text($0.value)) } ?? -1
  }

  /// False where the lane was moved meanwhile.
  mutating func begin(_ incarnation: NewIncarnation) -> Bool {
    let ended = incarnation.ended
    guard var lane = content.lanes[ended.name], lane.fence == ended.fence, lane.cursor == ended.cursor, lane.ordinal == ended.ordinal else {
      return false
    }
    content.breaks[ended.name, default: []].append(incarnation.cause)
    lane.incarnation += 1
    // Of ids that `changes` can't hold nothing is there.
    lane.furthest = max(ended.furthest, content.changes[ended.name]?.keys.max() ?? .zero)
    lane.cursor.position = incarnation.start
    lane.ordinal = incarnation.startOrdinal
    lane.baseline = incarnation.startOrdinal
    lane.totals = LaneCounts()
    lane.anchor = nil
    lane.isMirrored = false
    content.lanes[ended.name] = lane
    return true
  }

  mutating func mirrored(_ lane: LaneRecord) {
    guard content.lanes[lane.name]?.fence == lane.fence, content.lanes[lane.name]?.incarnation == lane.incarnation else { return }
    content.lanes[lane.name]?.isMirrored = true
  }

  /// Applies the first dead letter of a lane that was not replayed yet, behind its owner's back. Nil: there is none.
  mutating func replay(_ lane: String) -> Int? {
    let applied = Set(content.applied[lane] ?? [])
    guard let value = content.deadLetters[lane]?.sorted().first(where: { !applied.contains($0) }) else { return nil }
    content.applied[lane, default: []].append(value)
    content.lanes[lane]?.cursor.appliedNo += 1
    return value
  }

  // Faults

  mutating func replicate() { standby = content }

  mutating func copyDisk() { observed = (content, leases) }

  /// The copy of the disk takes its place, on the same timeline. Leases are part of it.
  mutating func restoreDisk() { (content, leases) = observed }

  /// The standby takes over, with what it has. Leases are among it, and run out.
  mutating func promote() {
    content = standby
    leases = [:]
    timeline += 1
  }
}
