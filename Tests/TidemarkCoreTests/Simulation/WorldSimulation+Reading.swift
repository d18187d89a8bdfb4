@testable import TidemarkCore

/// The reader, the leases and the trimmer, as the engine's shells do them.
extension WorldSimulation {
  mutating func read(_ index: Int) {
    switch workers[index].reading {
    case .idle:
      switch workers[index].scheduler.nextRead(block: .zero, now: now) {
      case .read(let request): workers[index].reading = .readSent(request)
      case .check(let checks): workers[index].reading = .checkSent(checks)
      case .wait, .nothing: break
      }
    case .readSent(let request): workers[index].reading = .readAnswered(request, redis.read(request, most: 1 + random.below(6)))
    case .checkSent(let checks):
      workers[index].reading = .checkAnswered(checks, checks.map { redis.observe($0) })
    case .readAnswered(let request, let block):
      workers[index].reading = .idle
      if random.chance(5) {
        workers[index].scheduler.readFailed(request)
        return note("lost reply", "of a read")
      }
      if let block { workers[index].scheduler.received(block, for: request, now: now) }
    case .checkAnswered(let checks, let observedStreams):
      workers[index].reading = .idle
      if random.chance(5) { return note("lost reply", "of a check") }
      for (check, observed) in zip(checks, observedStreams) {
        let record = workers[index].scheduler.lanes[check.lane]?.record
        let comparison = StreamComparison(check, observed)
        let verdict = workers[index].scheduler.checked(comparison)
        tell(verdict, check)
        if let record { workers[index].pendingReplacements.note(verdict, comparison, record) }
        if verdict == .sound, !check.isMirrored, observed.stream != nil { mirror(index, check.lane) }
        if verdict == .sound, observed.stream == nil, patternLanes.contains(check.lane) {
          _ = workers[index].scheduler.setAside(check.lane)
        }
      }
    }
  }

  private mutating func tell(_ verdict: StreamVerdict, _ check: ExpectedStream) {
    switch verdict {
    case .sound: note("sound", check.lane)
    case .missing(let gap): note("missing", "\(check.lane) \(gap)")
    case .gapCheck(let gapCheck): note("milestone", "\(check.lane) \(gapCheck)")
    case .replacement(let replacement): note("broken \(replacement.cause.rawValue)", check.lane)
    }
  }

  private mutating func mirror(_ index: Int, _ lane: String) {
    guard !postgres.isDown, let record = workers[index].scheduler.lanes[lane]?.record else { return }
    redis.makeGroup(lane)
    postgres.mirrored(record)
    workers[index].scheduler.mirrored(record)
  }

  mutating func lease(_ index: Int) {
    guard !postgres.isDown else { return }
    if workers[index].timeline != postgres.timeline {
      workers[index].timeline = postgres.timeline
      for lane in lanes { workers[index].scheduler.release(lane) }
      note("another ledger", "worker \(workers[index].name)")
    }
    let held = postgres.lease(workers[index].name, until: now.advanced(by: Self.ttl), now: now)
    workers[index].evidence.renewals += 1
    for lane in lanes where !held.contains(lane) { workers[index].scheduler.release(lane) }
    expect(index, held)
    for lane in held where !patternLanes.contains(lane) || redis.streams[lane] != nil || workers[index].expected.names.contains(lane) {
      guard let record = postgres.lane(lane) else { continue }
      if workers[index].scheduler.lanes[lane] == nil {
        let rewinds = workers[index].scheduler.committed([lane]).rewinds(in: [record])
        if !rewinds.isEmpty, !hasGoneBack, !hasPromoted { problem("a rewind of Postgres is seen where there was none: \(rewinds)") }
      }
      if let known = workers[index].scheduler.lanes[lane]?.record, known.fence != record.fence { workers[index].scheduler.release(lane) }
      if workers[index].scheduler.lanes[lane] == nil { takeUp(index, record) }
    }
    workers[index].owned = Set(workers[index].scheduler.lanes.keys)
    _ = workers[index].scheduler.revive(.all, now: now)
  }

  /// As `LaneCoordinator` does, where each lane is a shard of its own: what the ledger knows of lanes that were taken, and what was released
  /// while the lease stayed.
  private mutating func expect(_ index: Int, _ held: [String]) {
    let fences = lanes.enumerated().filter { held.contains($0.element) }.map { ($0.offset, postgres.lane($0.element)?.fence ?? 0) }
    let grant = LeaseGrant(shards: Dictionary(uniqueKeysWithValues: fences))
    var expected = workers[index].expected
    let unknown = Set(expected.unknown(of: grant))
    expected.forget(Set(lanes.indices).subtracting(grant.shards.keys).union(unknown))
    expected.recalled(grant)
    for (shard, lane) in lanes.enumerated() where grant.shards[shard] != nil && patternLanes.contains(lane) {
      let isKnown = unknown.contains(shard) && postgres.begunLanes.contains(lane)
      let isReleased = workers[index].owned.contains(lane) && workers[index].scheduler.lanes[lane] == nil
      if isKnown || isReleased { expected.insert(lane, of: shard) }
    }
    workers[index].expected = expected
  }

  /// As `OwnershipCheck` does.
  private mutating func takeUp(_ index: Int, _ record: LaneRecord) {
    let pending = workers[index].pendingReplacements.pending(of: record)
    let check = ExpectedStream(record, after: pending)
    let comparison = StreamComparison(check, redis.observe(check))
    guard let replacement = comparison.replacement(after: pending) else {
      if comparison.observed.stream == nil, patternLanes.contains(record.name) {
        workers[index].expected.remove(record.name)
        workers[index].pendingReplacements.forget(record.name)
        return note("set aside", record.name)
      }
      workers[index].scheduler.acquire(record)
      workers[index].expected.remove(record.name)
      workers[index].pendingReplacements.acquired(record)
      return note("taken up", "\(record.name) by worker \(workers[index].name) at \(record.cursor.position)")
    }
    let started = postgres.begin(NewIncarnation(after: record, replacement, LaneStart.oldest.begin(comparison, after: pending)))
    note("incarnation", "\(record.name) \(replacement.cause.rawValue) \(started)")
    if started, let next = postgres.lane(record.name) { redis.raiseMinimumID(record.name, to: next.furthest) }
  }

  /// As `LedgerWatch` does, with whatever happens between the question and the answer.
  mutating func compare(_ index: Int) {
    guard let (committed, found) = workers[index].comparison else {
      guard !postgres.isDown, workers[index].timeline == postgres.timeline else { return }
      workers[index].comparison = (workers[index].scheduler.committed(lanes), nil)
      return
    }
    guard let found else {
      guard !postgres.isDown else { return workers[index].comparison = nil }
      workers[index].comparison = (committed, lanes.compactMap { postgres.lane($0) })
      return
    }
    workers[index].comparison = nil
    let rewinds = committed.rewinds(in: found)
    guard !rewinds.isEmpty else { return }
    if !hasGoneBack, !hasPromoted { problem("a rewind of Postgres is seen where there was none: \(rewinds)") }
    workers[index].scheduler.wentBack(rewinds)
    note("rewind seen", "\(rewinds)")
  }

  mutating func publish(_ index: Int) {
    guard !workers[index].marks.isEmpty else { return }
    redis.publish(workers[index].marks.removeFirst())
  }

  mutating func trim(_ index: Int) {
    guard !postgres.isDown, workers[index].timeline == postgres.timeline, let lane = lanes.randomElement(using: &random),
      let owned = workers[index].scheduler.lanes[lane]?.record, let record = postgres.lane(lane), record.fence == owned.fence
    else { return }
    let check = ExpectedStream(record, knownAdded: 0)
    let comparison = StreamComparison(check, redis.observe(check))
    guard comparison.mayBeTrimmed, let stream = comparison.observed.stream else { return }
    let limits = TrimLimits(isEnabled: true, keep: .milliseconds(500), keepBytes: .max, ignoredGroups: [])
    let bound = TrimBound(
      stream, cursor: record.cursor.position, now: UInt64((now - epoch) / .milliseconds(1)),
      passed: workers[index].scheduler.passed(record, limits, now: now), at: now, limits: limits, entryBytes: nil, groups: [],
      own: "tidemark")
    guard let below = bound.below else { return }
    for entry in redis.trim(lane, below: below) {
      note("trimmed")
      let isDecided =
        postgres.content.applied[lane]?.contains(entry.value) == true || postgres.content.deadLetters[lane]?.contains(entry.value) == true
      if !isDecided, !ambiguous.contains(lane) { problem("\(entry.value) of \(lane) was trimmed and is not in Postgres") }
    }
  }
}
