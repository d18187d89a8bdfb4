internal import TidemarkCore
internal import TidemarkPostgres

// Builds the parts of a report from rows of the ledger and from a worker's memory.

extension StatusReport.Lane {
  init(_ stored: StatusStore.Lane) {
    self.init(
      stored.record, state: stored.state, since: stored.since, lastError: stored.lastError, hint: stored.hint,
      deadLettersOpen: stored.deadLettersOpen, gapsOpen: stored.gapsOpen)
    set(stored.rate)
    divergencesOpen = stored.divergencesOpen
    verifiedThrough = stored.verifiedThrough
    verifiedAt = stored.verifiedAt
  }

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
      laneID: 0, name: lane, shard: 0, fence: 0, incarnation: 1, cursor: LaneCursor(position: .zero, appliedNo: 0), ordinal: 0,
      baseline: 0, owner: nil)
    self.init(
      record, state: LaneState.unowned.rawValue, since: nil, lastError: error ?? "no worker has acquired the lane yet",
      hint: "start a worker with `tidemark run`; the log of a running worker says why it does not acquire the lane", deadLettersOpen: 0,
      gapsOpen: 0)
    lagEntries = lag?.entries
    lagSeconds = lag?.seconds
    divergencesOpen = 0
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

extension StatusReport.Worker {
  init(_ stored: StatusStore.Worker) {
    self.init(
      worker: stored.name, host: stored.host, pid: stored.pid, version: stored.version, startedAt: stored.startedAt, seenAt: stored.seenAt,
      isAlive: stored.isAlive, shards: stored.shards, lanes: stored.lanes, notInForce: stored.notInForce,
      tuningRefused: stored.tuningRefused)
  }
}
