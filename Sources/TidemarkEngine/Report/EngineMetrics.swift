package import Metrics
internal import Synchronization
internal import TidemarkCore

/// What the engine counts of its own work. What can be read off a lane's record is not counted here: the exposition takes it from
/// there, so that it is absent while it is unknown.
package struct EngineMetrics: Sendable {
  enum Phase: String, Sendable, CaseIterable {
    case read, apply, commit
  }

  private let factory: any MetricsFactory
  private let commitLag: Recorder
  private let entries: Recorder
  private let bytes: Recorder
  private let phases: [Phase: Recorder]
  private let fencedTotal: Counter
  private let ledgerRewinds: Counter
  private let leaseChanges: Counter
  private let restores: Counter
  private let restoreTime: Recorder
  private let snapshots: Counter
  private let pendingSnapshots: Gauge
  private let unknownTypes = SharedUnknownTypes()

  package init(factory: any MetricsFactory) {
    self.factory = factory
    func recorder(_ name: String, _ dimensions: [(String, String)] = []) -> Recorder {
      Recorder(label: "tidemark_\(name)", dimensions: dimensions, aggregate: true, factory: factory)
    }
    commitLag = recorder("commit_lag_seconds")
    entries = recorder("batch_entries")
    bytes = recorder("batch_bytes")
    phases = Dictionary(
      uniqueKeysWithValues: Phase.allCases.map { ($0, recorder("batch_duration_seconds", [("phase", $0.rawValue)])) })
    fencedTotal = Counter(label: "tidemark_fenced_total", dimensions: [], factory: factory)
    ledgerRewinds = Counter(label: "tidemark_ledger_rewinds_total", dimensions: [], factory: factory)
    leaseChanges = Counter(label: "tidemark_lease_changes_total", dimensions: [], factory: factory)
    restores = Counter(label: "tidemark_sessions_restored_total", dimensions: [], factory: factory)
    restoreTime = recorder("session_restore_seconds")
    snapshots = Counter(label: "tidemark_snapshots_taken_total", dimensions: [], factory: factory)
    pendingSnapshots = Gauge(label: "tidemark_snapshot_sessions_pending", dimensions: [], factory: factory)
    // A counter that first appears with its first count looks to a scraper as if it had always stood there.
    for reason in RejectionReason.allCases { _ = counter("dead_letters_total", [("reason", reason.rawValue)]) }
    for kind in Self.divergenceKinds { _ = counter("divergences_total", [("kind", kind)]) }
    for table in RetentionTable.allCases { _ = counter("retention_deleted_rows_total", [("table", table.rawValue)]) }
    for fault in Self.retryClasses { _ = counter("retries_total", [("class", fault)]) }
    for reason in EvictionReason.allCases { sessionsEvicted(0, reason, bytes: 0) }
  }

  /// Lanes of this label may be counted: their counters exist from now on.
  func begin(_ lanes: some Collection<String>) {
    for lane in lanes {
      for cause in LaneGap.Cause.allCases {
        _ = counter(cause.isCounted ? "entries_missing_total" : "lane_breaks_total", [("lane", lane), ("cause", cause.rawValue)])
      }
      _ = counter("entries_trimmed_total", [("lane", lane)])
    }
  }

  private static let divergenceKinds = ["content", "id_reused"] + Divergence.Kind.allCases.map(\.rawValue)
  private static let retryClasses = ["world", "ambiguous", "interrupted", "limit", "configuration", "outcome_unknown", "redis"]

  private func counter(_ name: String, _ dimensions: [(String, String)]) -> Counter {
    Counter(label: "tidemark_\(name)", dimensions: dimensions, factory: factory)
  }

  func phase(_ phase: Phase, _ duration: Duration) {
    phases[phase]?.record(duration.seconds)
  }

  /// A committed transaction, `now` in Unix milliseconds by this machine's clock.
  func committed(_ batch: ChangeBatch, _ outcome: BatchOutcome, now: Int64) {
    entries.record(batch.entries.count)
    bytes.record(batch.byteCount)
    // An id that is far ahead of the clock tells no time.
    let latest = UInt64(max(0, now)) + 60_000
    for entry in batch.entries where entry.id.ms <= latest { commitLag.record(Double(max(0, now - Int64(entry.id.ms))) / 1000) }
    var reasons: [RejectionReason: Int] = [:]
    for rejected in outcome.deadLetters where rejected.rejection != .divergent { reasons[rejected.rejection.reason, default: 0] += 1 }
    for (reason, count) in reasons {
      counter("dead_letters_total", [("reason", reason.rawValue)]).increment(by: count)
    }
    count(unknownTypesOf: batch, outcome)
    let divergences = outcome.divergent.count
    if divergences > 0 { diverged("content", by: divergences) }
    if let reused = reasons[.idReused] { diverged("id_reused", by: reused) }
  }

  private func count(unknownTypesOf batch: ChangeBatch, _ outcome: BatchOutcome) {
    var types: [String: Int] = [:]
    for number in outcome.numbers where batch.entries[number.entry].isOfUnknownType {
      guard let type = batch.text(of: batch.entries[number.entry].type) else { continue }
      types[String(decoding: type, as: UTF8.self), default: 0] += 1
    }
    for (type, count) in types {
      let name = unknownTypes.state.withLock { $0.count(type, count) }
      counter("entries_unknown_type_total", [("type", name), ("nearest", name == type ? UnknownTypes.nearest(to: type) ?? "" : "")])
        .increment(by: count)
    }
  }

  /// Types that nobody knows, and how many entries had them since the last call.
  func takeUnknownTypes() -> [String: Int] { unknownTypes.state.withLock { $0.take() } }

  /// The ledger did not take them: they are counted with the next ones.
  func returnUnknownTypes(_ types: [String: Int]) {
    unknownTypes.state.withLock { counted in for (type, count) in types { counted.count(type, count) } }
  }

  /// Entries of a lane were lost, and that is recorded. Lanes are counted as ``LaneProfile/metricLabel`` says: a series stays for the life
  /// of the process, and streams come and go.
  func missed(_ lane: String, _ gap: LaneGap) {
    counter("entries_missing_total", [("lane", lane), ("cause", gap.cause.rawValue)])
      .increment(by: gap.missing)
  }

  func trimmed(_ lane: String, _ count: Int) {
    counter("entries_trimmed_total", [("lane", lane)]).increment(by: count)
  }

  /// A lane's stream is another one: how many entries went with the old one is not known.
  func broke(_ lane: String, _ cause: LaneGap.Cause) {
    counter("lane_breaks_total", [("lane", lane), ("cause", cause.rawValue)]).increment()
  }

  /// A comparison found differences that were not recorded before.
  func diverged(_ found: [Divergence]) {
    for (kind, divergences) in Dictionary(grouping: found, by: \.kind) { diverged(kind.rawValue, by: divergences.count) }
  }

  private func diverged(_ kind: String, by count: Int) {
    counter("divergences_total", [("kind", kind)]).increment(by: count)
  }

  func retried(_ fault: String) {
    counter("retries_total", [("class", fault)]).increment()
  }

  func fenced() { fencedTotal.increment() }

  /// The ledger has less of so many lanes than was committed.
  func wentBack(_ lanes: Int) { ledgerRewinds.increment(by: lanes) }

  func retentionDeleted(_ table: RetentionTable, _ rows: Int) {
    counter("retention_deleted_rows_total", [("table", table.rawValue)]).increment(by: rows)
  }

  func leasesChanged(_ count: Int) { leaseChanges.increment(by: count) }

  /// Sessions were restored on request; `time` counts from when their requests were found.
  func sessionsRestored(_ count: Int, _ time: Duration) {
    guard count > 0 else { return }
    restores.increment(by: count)
    for _ in 0..<count { restoreTime.record(time.seconds) }
  }

  /// Snapshots of sessions that changed were taken in the background.
  func snapshotsTaken(_ count: Int) { snapshots.increment(by: count) }

  func snapshotsPending(_ sessions: Int) { pendingSnapshots.record(sessions) }

  func sessionsEvicted(_ count: Int, _ reason: EvictionReason, bytes: Int) {
    counter("sessions_evicted_total", [("reason", reason.rawValue)]).increment(by: count)
    counter("sessions_evicted_bytes_total", [("reason", reason.rawValue)]).increment(by: bytes)
  }
}

/// Shared by all who count.
private final class SharedUnknownTypes: Sendable {
  let state = Mutex(UnknownTypes())
}
