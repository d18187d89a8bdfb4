@testable import TidemarkCore

/// The reader, the leases and the trimmer, as the engine's shells do them.
extension WorldSimulation {
  mutating func read(_ index: Int) {
    switch workers[index].reading {
    case .idle:
      switch workers[index].table.nextRead(block: .zero, now: now) {
      case .read(let request): workers[index].reading = .readSent(request)
      case .check(let checks): workers[index].reading = .checkSent(checks)
      case .wait, .nothing: break
      }
    case .readSent(let request): workers[index].reading = .readAnswered(request, redis.read(request, most: 1 + random.below(6)))
    case .checkSent(let checks):
      workers[index].reading = .checkAnswered(checks, checks.map { redis.look($0) })
    case .readAnswered(let request, let block):
      workers[index].reading = .idle
      if random.chance(5) {
        workers[index].table.unread(request)
        return note("lost reply", "of a read")
      }
      if let block { workers[index].table.received(block, for: request, now: now) }
    case .checkAnswered(let checks, let snapshots):
      workers[index].reading = .idle
      if random.chance(5) { return note("lost reply", "of a check") }
      for (check, snapshot) in zip(checks, snapshots) {
        let record = workers[index].table.lanes[check.lane]?.record
        let look = LaneLook(check, snapshot)
        let finding = workers[index].table.checked(look)
        tell(finding, check)
        if let record { workers[index].endings.note(finding, look, record) }
        if finding == .sound, !check.isMirrored, snapshot.stream != nil { mirror(index, check.lane) }
        if finding == .sound, snapshot.stream == nil, patternLanes.contains(check.lane) {
          _ = workers[index].table.setAside(check.lane)
        }
      }
    }
  }

  private mutating func tell(_ finding: LaneFinding, _ check: LaneCheck) {
    switch finding {
    case .sound: note("sound", check.lane)
    case .missing(let gap): note("missing", "\(check.lane) \(gap)")
    case .milestone(let milestone): note("milestone", "\(check.lane) \(milestone)")
    case .broken(let broken): note("broken \(broken.cause.rawValue)", check.lane)
    }
  }

  private mutating func mirror(_ index: Int, _ lane: String) {
    guard !postgres.isDown, let record = workers[index].table.lanes[lane]?.record else { return }
    redis.makeGroup(lane)
    postgres.mirrored(record)
    workers[index].table.mirrored(record)
  }

  mutating func lease(_ index: Int) {
    guard !postgres.isDown else { return }
    if workers[index].timeline != postgres.timeline {
      workers[index].timeline = postgres.timeline
      for lane in lanes { workers[index].table.disown(lane) }
      note("another ledger", "worker \(workers[index].name)")
    }
    let held = postgres.lease(workers[index].name, until: now.advanced(by: Self.ttl), now: now)
    workers[index].evidence.renewals += 1
    for lane in lanes where !held.contains(lane) { workers[index].table.disown(lane) }
    expect(index, held)
    for lane in held where !patternLanes.contains(lane) || redis.streams[lane] != nil || workers[index].expected.names.contains(lane) {
      guard let record = postgres.lane(lane) else { continue }
      if workers[index].table.lanes[lane] == nil {
        let rewinds = workers[index].table.committed([lane]).rewinds(in: [record])
        if !rewinds.isEmpty, !hasGoneBack, !hasPromoted { problem("a rewind of Postgres is seen where there was none: \(rewinds)") }
      }
      if let known = workers[index].table.lanes[lane]?.record, known.fence != record.fence { workers[index].table.disown(lane) }
      if workers[index].table.lanes[lane] == nil { takeUp(index, record) }
    }
    workers[index].owned = Set(workers[index].table.lanes.keys)
    _ = workers[index].table.revive(.all, now: now)
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
      let isReleased = workers[index].owned.contains(lane) && workers[index].table.lanes[lane] == nil
      if isKnown || isReleased { expected.insert(lane, of: shard) }
    }
    workers[index].expected = expected
  }

  /// As `LaneVerification` does.
  private mutating func takeUp(_ index: Int, _ record: LaneRecord) {
    let ending = workers[index].endings.ending(of: record)
    let check = LaneCheck(record, after: ending)
    let look = LaneLook(check, redis.look(check))
    guard let broken = look.broken(after: ending) else {
      if look.snapshot.stream == nil, patternLanes.contains(record.name) {
        workers[index].expected.remove(record.name)
        workers[index].endings.forget(record.name)
        return note("set aside", record.name)
      }
      workers[index].table.own(record)
      workers[index].expected.remove(record.name)
      workers[index].endings.takenUp(record)
      return note("taken up", "\(record.name) by worker \(workers[index].name) at \(record.cursor.position)")
    }
    let started = postgres.begin(NewIncarnation(after: record, broken, LaneStart.oldest.begin(look, after: ending)))
    note("incarnation", "\(record.name) \(broken.cause.rawValue) \(started)")
    if started, let next = postgres.lane(record.name) { redis.raiseFloor(record.name, to: next.furthest) }
  }

  /// As `LedgerWatch` does, with whatever happens between the question and the answer.
  mutating func compare(_ index: Int) {
    guard let (committed, found) = workers[index].comparison else {
      guard !postgres.isDown, workers[index].timeline == postgres.timeline else { return }
      workers[index].comparison = (workers[index].table.committed(lanes), nil)
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
    workers[index].table.wentBack(rewinds)
    note("rewind seen", "\(rewinds)")
  }

  mutating func publish(_ index: Int) {
    guard !workers[index].marks.isEmpty else { return }
    redis.publish(workers[index].marks.removeFirst())
  }

  mutating func trim(_ index: Int) {
    guard !postgres.isDown, workers[index].timeline == postgres.timeline, let lane = lanes.randomElement(using: &random),
      let owned = workers[index].table.lanes[lane]?.record, let record = postgres.lane(lane), record.fence == owned.fence
    else { return }
    let check = LaneCheck(record, knownAdded: 0)
    let look = LaneLook(check, redis.look(check))
    guard look.mayBeTrimmed, let stream = look.snapshot.stream else { return }
    let limits = TrimLimits(isEnabled: true, keep: .milliseconds(500), keepBytes: .max, ignoredGroups: [])
    let bound = TrimBound(
      stream, cursor: record.cursor.position, now: UInt64((now - epoch) / .milliseconds(1)),
      passed: workers[index].table.passed(record, limits, now: now), at: now, limits: limits, entryBytes: nil, groups: [],
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
