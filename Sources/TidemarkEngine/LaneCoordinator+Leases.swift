internal import TidemarkCore

/// Which shards this worker may serve, and which lanes it takes up and gives up for that.
extension LaneCoordinator {
  /// Takes note of what Postgres says that we hold. Gives up the lanes of shards that are not ours any more, or were another's in between.
  /// Answers how many shards that were.
  func hold(_ held: LeaseGrant) -> Int {
    let changed = held.changes(from: grant)
    grant = held
    guard !changed.isEmpty else { return 0 }
    expected.forget(changed)
    release(scheduler.lanes.values.filter { changed.contains($0.record.shard) }.map(\.record.name))
    ownership.raise()
    return changed.count
  }

  /// Gives up the lanes of these shards, to hand them over: what was read is dropped, for the next owner reads it again, and transactions
  /// under way are waited for, also all that was read of a stream that is gone: nobody can read that again. Answers the shards of which
  /// nothing is left; those that are not clear by the deadline are served again.
  func drainShards(_ shards: [Int], until deadline: ContinuousClock.Instant) async -> [Int] {
    let (held, leaving) = (grant, Set(shards))
    for shard in leaving { grant.shards[shard] = nil }
    expected.forget(leaving)
    release(scheduler.lanes.values.filter { leaving.contains($0.record.shard) && !$0.isClosing }.map(\.record.name))
    var seen = advanced.generation
    var busy = busyShards.intersection(leaving)
    while !busy.isEmpty, clock.now < deadline, !Task.isCancelled {
      await advanced.wait(after: seen, until: deadline, on: clock)
      seen = advanced.generation
      busy = busyShards.intersection(leaving)
    }
    for shard in busy { grant.shards[shard] = held.shards[shard] }
    if !busy.isEmpty { ownership.raise() }
    return shards.filter { !busy.contains($0) }
  }

  private var busyShards: Set<Int> {
    let closing = scheduler.lanes.values.filter(\.isClosing).map(\.record.shard)
    return Set(closing + scheduler.drainingLanes.map { settings.lanes.shard(of: $0) })
  }

  /// Takes over lanes from their records; a lane that we have under this fence already goes on. Lanes of shards that were given up since are
  /// left alone. Some are not to be read until somebody has decided.
  func acquire(_ records: [LaneRecord], at server: LaneServer, halted: [String: LaneView.LastError] = [:]) {
    if !records.isEmpty { (redisAwayWithoutLanes, redisErrorWithoutLanes) = (nil, nil) }
    for record in records where grant.shards[record.shard] != nil {
      // The settings may have changed since it was found.
      guard let profile = settings.lanes.profile(of: record.name) else { continue }
      scheduler.acquire(record, as: profile, at: server)
      pendingReplacements.acquired(record)
      expected.remove(record.name)
      unregistered[record.name] = nil
      observation.add(record.name)
      if record.cursor.position > .zero { observation.moved(record.name) }
      if let trouble = halted[record.name] { halt(record.name, reason: trouble.text, hint: trouble.hint, for: trouble.backoff) }
    }
    committable.raise()
    advanced.raise()
    readable.raise()
    population.raise()
    if records.contains(where: { !$0.isMirrored }) { mirrorable.raise() }
  }

  /// Redis refused marks of these lanes, because it knows a later incarnation. Those that are still owned under these records are released, and
  /// taken up again under an incarnation above that one; answers them. Where another worker has a lane by now, the mark was merely late.
  func markRefused(_ records: [LaneRecord]) -> [LaneRecord] {
    let released = records.filter { record in
      guard let flow = scheduler.lanes[record.name], flow.closing != .replaced else { return false }
      return flow.record.fence == record.fence && flow.record.incarnation == record.incarnation
    }
    for record in released { scheduler.release(record.name) }
    tellLeft(released.map(\.name))
    return released
  }

  /// The incarnation of a lane that is about to be taken up was raised in the ledger. What is to follow may fail, and then begins anew.
  func raised(_ record: LaneRecord, to incarnation: Int64) { pendingReplacements.raised(record, to: incarnation) }

  var ownsNothing: Bool { scheduler.lanes.isEmpty }

  /// Whether this worker can serve lanes: it is not draining, Redis was not away for longer than a lease lasts, and belongs to the ledger.
  var canServe: Bool { !isDraining && timeWithoutRedis <= settings.leaseTTL && claimRefusal == nil }

  /// For how long no server with lanes of ours has been reached; zero while one can be.
  var timeWithoutRedis: Duration { redisAwaySince?.duration(to: clock.now) ?? .zero }
}
