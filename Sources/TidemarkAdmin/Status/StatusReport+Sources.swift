internal import TidemarkCore
internal import TidemarkPostgres

// Builds the parts of a report from rows of the ledger and from a worker's memory.

extension StatusReport.Lane {
  init(
    _ record: LaneRecord, state: String, since: String?, lastError: String?, hint: String?, deadLettersOpen: Int?, gapsOpen: Int?
  ) {
    self.init(
      lane: record.name, state: state, since: since, lastError: lastError, hint: hint,
      entryID: record.cursor.position.description, incarnation: record.incarnation, owner: record.owner, fence: record.fence,
      lagEntries: nil, lagSeconds: nil, read: record.totals.read, applied: record.totals.applied,
      duplicates: record.totals.duplicates, divergent: record.totals.divergent, ephemeral: record.totals.ephemeral,
      skipped: record.totals.skipped, deadLetters: record.totals.deadLetters, deadLettersOpen: deadLettersOpen, gapsOpen: gapsOpen,
      missing: record.totals.missing, baseline: Int(clamping: record.baseline), reread: record.totals.reread,
      misrouted: record.totals.misrouted, accountingError: record.accountingError)
  }

  /// Creates the report of a lane that the configuration names and that no worker has registered yet. Its lag is all entries of its stream.
  init(unregistered lane: String, lag: LaneLag?, error: String?) {
    let record = LaneRecord(
      laneID: 0, name: lane, shard: 0, fence: 0, incarnation: 1, cursor: LaneCursor(position: .zero, appliedNo: 0, seal: []), ordinal: 0,
      baseline: 0, owner: nil)
    self.init(
      record, state: LaneState.unowned.rawValue, since: nil, lastError: error ?? "no worker has acquired the lane yet",
      hint: "start a worker with `tidemark run`; the log of a running worker says why it does not acquire the lane", deadLettersOpen: 0,
      gapsOpen: 0)
    lagEntries = lag?.entries
    lagSeconds = lag?.seconds
    set(.zero)
  }

  /// Overlays the owner's values, which may be newer than the ledger.
  mutating func overlay(_ status: LaneStatus) {
    // The time of the last state change is known only for the state in the ledger.
    if state != status.state.rawValue { since = nil }
    state = status.state.rawValue
    lastError = status.lastError
    hint = status.hint
    guard let lag = status.lag else { return }
    lagEntries = lag.entries
    lagSeconds = lag.seconds
  }
}

extension LaneRate {
  /// Creates the rate of a lane from its row in the ledger, see ``StatusSQL/lanes``.
  init?(of record: LaneRecord, _ result: PostgresResult, row: Int) {
    func count(_ column: String) -> Int? { result.int64(row, column).map { Int($0) } }
    let now = Totals(incarnation: record.incarnation, read: record.totals.read, applied: record.totals.applied)
    var checkpoint: Totals?
    if let incarnation = result.int64(row, "checkpoint_incarnation"), let read = count("checkpoint_read"),
      let applied = count("checkpoint_applied")
    {
      checkpoint = Totals(incarnation: incarnation, read: read, applied: applied)
    }
    let age = result.string(row, "checkpoint_age").flatMap { Double($0) }
    guard let rate = Self.since(checkpoint, age: age, now: now, isOwned: record.owner != nil) else { return nil }
    self = rate
  }
}

extension StatusReport.Worker {
  init(_ result: PostgresResult, row: Int) {
    self.init(
      worker: result.string(row, "worker") ?? "", host: result.string(row, "host"),
      pid: result.int64(row, "pid").flatMap { Int32(exactly: $0) }, version: result.string(row, "version"),
      startedAt: result.string(row, "started_at"), seenAt: result.string(row, "seen_at"), isAlive: result.bool(row, "alive"),
      shards: result.int64(row, "shards").map { Int($0) }, lanes: result.int64(row, "lanes").map { Int($0) },
      notInForce: result.string(row, "not_in_force"))
  }
}
