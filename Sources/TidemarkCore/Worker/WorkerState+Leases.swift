/// Which shards this worker may serve, and which lanes it acquires and releases for that.
extension WorkerState {
  /// Records the shards that this worker holds, as Postgres says. Releases the lanes of shards that it does not hold any more, or that
  /// another worker held in between. Returns the number of shards that changed.
  package mutating func hold(_ held: LeaseGrant) -> Int {
    let changed = held.changes(from: grant)
    grant = held
    guard !changed.isEmpty else { return 0 }
    expected.forget(changed)
    release(scheduler.lanes.values.filter { changed.contains($0.record.shard) }.map(\.record.name))
    return changed.count
  }

  package mutating func leaseRenewed(now: ContinuousClock.Instant) {
    leaseRenewedAt = now
    evidence.renewals += 1
  }

  package mutating func leasesFailed(_ reason: String?) { failures.leases = reason }

  /// Records that another worker or an operator has changed something in the ledger.
  package mutating func notified() { effects.signals.formUnion([.leases, .controls]) }

  /// Shards on their way to other workers.
  package struct HandOver: Sendable {
    let shards: [Int]
    /// The fencing token of each shard. A hand-over that is given up serves the shards again under these tokens.
    let tokens: [Int: Int64]
  }

  /// Begins to hand shards over. What was read of their lanes is dropped, because the next owner reads it again. Transactions under way
  /// are waited for, and so is everything that was read of a stream that is gone, because no worker can read it again.
  package mutating func beginHandOver(_ shards: [Int]) -> HandOver {
    let leaving = Set(shards)
    let handOver = HandOver(shards: shards, tokens: grant.shards.filter { leaving.contains($0.key) })
    for shard in leaving { grant.shards[shard] = nil }
    expected.forget(leaving)
    release(scheduler.lanes.values.filter { leaving.contains($0.record.shard) && !$0.isClosing }.map(\.record.name))
    return handOver
  }

  /// Whether something of the shards is still to be committed.
  package func isUnderWay(_ handOver: HandOver) -> Bool { handOver.shards.contains(where: busyShards.contains) }

  /// Ends a hand-over. Returns the shards that may be released; the others are served again.
  package mutating func end(_ handOver: HandOver) -> [Int] {
    let busy = busyShards.intersection(handOver.shards)
    for shard in busy { grant.shards[shard] = handOver.tokens[shard] }
    return handOver.shards.filter { !busy.contains($0) }
  }

  /// The shards with lanes whose transactions, or whose last entries, are not committed yet.
  private var busyShards: Set<Int> {
    let closing = scheduler.lanes.values.filter(\.isClosing).map(\.record.shard)
    return Set(closing + scheduler.drainingLanes.map { settings.lanes.shard(of: $0) })
  }

  /// Acquires lanes from their records. A lane that is held under its fencing token already goes on. Lanes of shards that were released
  /// meanwhile are left alone. The lanes of `halted` are not read until an operator has decided.
  ///
  /// - Parameter knownAdded: the number of entries that Redis had added to each stream when it was compared with its record. If the stream is
  ///   gone before anything of it is read, these are known to be lost.
  package mutating func acquire(
    _ records: [LaneRecord], at server: LaneServer, halted: [String: LaneView.LastError] = [:], knownAdded: [String: UInt64] = [:],
    now: ContinuousClock.Instant
  ) {
    for record in records where grant.shards[record.shard] != nil {
      // The settings may have changed since the lane was found.
      guard let profile = settings.lanes.profile(of: record.name) else { continue }
      scheduler.acquire(record, as: profile, at: server, knownAdded: knownAdded[record.name] ?? 0)
      pendingReplacements.acquired(record)
      expected.remove(record.name)
      failures.unregistered[record.name] = nil
      observation.add(record.name)
      turns.acquired(record.name, as: profile)
      if record.cursor.position > .zero { observation.moved(record.name) }
      if let halt = halted[record.name] { self.halt(record.name, reason: halt.text, hint: halt.hint, for: halt.backoff, now: now) }
    }
    effects.signals.insert(.advanced)
    if records.contains(where: { !$0.isMirrored }) { effects.signals.insert(.mirrorable) }
  }

  /// Releases lanes. ``takeEffects()`` does what follows from that.
  package mutating func release(_ lanes: [String]) {
    for lane in lanes { scheduler.release(lane) }
  }

  /// Records that the ledger raised the incarnation of a lane that is about to be acquired. The acquisition may still fail, and is then
  /// begun again.
  package mutating func raised(_ record: LaneRecord, to incarnation: Int64) { pendingReplacements.raised(record, to: incarnation) }

  /// Whether this worker can serve lanes: it is not draining, Redis was not away for longer than a lease lasts, and belongs to the ledger.
  package func canServe(now: ContinuousClock.Instant) -> Bool {
    !isDraining && timeWithoutRedis(now: now) <= settings.leaseTTL && claimRefusal == nil
  }

  /// Returns for how long no server with lanes of this worker has been reached; zero while one can be.
  package func timeWithoutRedis(now: ContinuousClock.Instant) -> Duration {
    redis.standing(of: scheduler).awaySince?.duration(to: now) ?? .zero
  }

  // The claim on the prefix

  /// Records that Redis and the ledger belong to one installation, so that lanes may be served.
  package mutating func claimConfirmed() {
    guard claimRefusal != nil else { return }
    claimRefusal = nil
    effects.notices.append(.claimConfirmed)
  }

  /// Records that Redis and the ledger do not belong together. All lanes are released.
  package mutating func claimRefused(_ refusal: ClaimRefused) {
    if claimRefusal?.description != refusal.description {
      effects.notices.append(.claimRefused(reason: refusal.description, hint: refusal.hint))
    }
    claimRefusal = refusal
    release(laneNames)
  }
}
