extension MetricCatalog {
  // Metrics that ``LaneExposition`` renders at the moment of a scrape.

  static let lanesByState = MetricDefinition(
    "lanes", .gauge, labels: ["state"], of: .worker, "Lanes that this worker owns, by state.")
  static let lagEntries = MetricDefinition(
    "lag_entries", .gauge, .entries, of: .worker,
    "Entries of the whole installation that are not committed, including lanes without an owner; absent while any lane's lag is unknown. "
      + "Every worker reports this value, so take the maximum.")
  static let lagSeconds = MetricDefinition(
    "lag_seconds", .gauge, .seconds, of: .worker,
    "The age of the oldest entry in lag_entries; 0 when there is none. Every worker reports this value, so take the maximum.")
  static let bufferBytes = MetricDefinition(
    "buffer_bytes", .gauge, .bytes, of: .worker, "The bytes of entries that are read and not committed. The limit is buffer.max_bytes.")
  static let backpressure = MetricDefinition(
    "backpressure_seconds_total", .counter, .seconds, of: .worker, "The time for which reading has waited for commits.")
  static let deadLettersOpen = MetricDefinition(
    "dead_letters_open", .gauge, of: .worker,
    "Open dead letters of the whole installation. Every worker reports this value, so take the maximum.")
  static let gapsOpen = MetricDefinition(
    "gaps_open", .gauge, of: .worker,
    "Unacknowledged gaps of the whole installation. Every worker reports this value, so take the maximum.")
  static let accountingError = MetricDefinition(
    "accounting_error", .gauge, .entries, of: .worker,
    "The error in the accounting of this worker's lanes. Any value other than 0 is a bug of Tidemark: please report it.")
  static let redisUp = MetricDefinition("redis_up", .gauge, .flag, of: .worker, "1 when Redis answers this worker.")
  static let postgresUp = MetricDefinition("postgres_up", .gauge, .flag, of: .worker, "1 when PostgreSQL answers this worker.")
  static let redisEvictionSafe = MetricDefinition(
    "redis_eviction_safe", .gauge, .flag, of: .worker,
    "1 when Redis' maxmemory-policy never evicts a key without expiry (noeviction or volatile-*); absent if Redis does not report it.")

  // Metrics that the engine and the process count.

  static let commitLag = MetricDefinition(
    "commit_lag_seconds", .histogram, .seconds, of: .worker,
    "The time from an entry's XADD to its commit in PostgreSQL, by the entry id and this machine's clock.")
  static let batchEntries = MetricDefinition("batch_entries", .histogram, .entries, of: .worker, "The entries of each transaction.")
  static let batchBytes = MetricDefinition("batch_bytes", .histogram, .bytes, of: .worker, "The bytes of each transaction.")
  static let batchDuration = MetricDefinition(
    "batch_duration_seconds", .histogram, .seconds, labels: ["phase"], of: .worker,
    "The duration of a phase: read (one XREAD), apply (decoding and routing a batch), commit (the transaction).")
  static let deadLetters = MetricDefinition(
    "dead_letters_total", .counter, .entries, labels: ["reason"], of: .worker, "Entries that this worker has made dead letters.")
  static let unknownTypes = MetricDefinition(
    "entries_unknown_type_total", .counter, .entries, labels: ["type", "nearest"], of: .worker,
    "Entries of an unknown type, which are kept whole; nearest is the known type that was probably meant, "
      + "empty if none is close. After 64 types, further ones are counted as other.")
  static let retries = MetricDefinition(
    "retries_total", .counter, labels: ["class"], of: .worker,
    "Failures that were retried: world (temporary), ambiguous, interrupted (the statement or its connection ended), "
      + "configuration, outcome_unknown (a commit without an answer), redis.")
  static let fenced = MetricDefinition(
    "fenced_total", .counter, of: .worker, "Lanes that this worker released at a commit because they had another owner or position.")
  static let ledgerRewinds = MetricDefinition(
    "ledger_rewinds_total", .counter, of: .worker,
    "Lanes whose cursor in PostgreSQL was behind this worker's commits although the timeline had not changed. "
      + "Entries that Redis still has are committed again.")
  static let retentionDeleted = MetricDefinition(
    "retention_deleted_rows_total", .counter, labels: ["table"], of: .worker,
    "Rows that this worker has removed after their retention; event_ids includes those of earlier_event_ids.")
  static let sessionsRestored = MetricDefinition(
    "sessions_restored_total", .counter, of: .worker, "Sessions that this worker put back into Redis because an agent asked for them.")
  static let sessionRestoreTime = MetricDefinition(
    "session_restore_seconds", .histogram, .seconds, of: .worker, "The time from finding the request for a session to its restore.")
  static let sessionsEvicted = MetricDefinition(
    "sessions_evicted_total", .counter, labels: ["reason"], of: .worker,
    "Durable sessions that this worker removed from Redis: idle (not used for hot.evict_idle_after), memory (the oldest, because Redis had "
      + "reached pressure.memory).")
  static let sessionsEvictedBytes = MetricDefinition(
    "sessions_evicted_bytes_total", .counter, labels: ["reason"], of: .worker,
    "The bytes of memory that the evicted sessions took in Redis.")
  static let snapshotsTaken = MetricDefinition(
    "snapshots_taken_total", .counter, of: .worker,
    "Snapshots that this worker took in the background because sessions had changed, without those of snapshot.on and on request.")
  static let snapshotsPending = MetricDefinition(
    "snapshot_sessions_pending", .gauge, of: .worker,
    "Sessions of this worker's lanes that have changes which are in no snapshot, as far as they are counted; about 100000 at most.")
  static let leaseChanges = MetricDefinition(
    "lease_changes_total", .counter, of: .worker, "Shards that this worker has acquired, lost or released.")
  static let divergences = MetricDefinition(
    "divergences_total", .counter, labels: ["kind"], of: .worker, "Differences found between Redis and PostgreSQL.")
  static let reloadSuccess = MetricDefinition(
    "config_reload_success", .gauge, .flag, of: .worker,
    "1 when the whole configuration that was read last is in force, 0 when it was refused or a part requires a restart.")
  static let buildInfo = MetricDefinition(
    "build_info", .gauge, .flag, labels: ["version"], of: .worker, "Always 1; the label is the version.")

  // Metrics that are read from the kernel at the moment of a scrape. They have the names that every Prometheus client uses.

  static let processCPU = MetricDefinition(
    process: "cpu_seconds_total", .counter, .seconds, "The CPU time that this process has used in user and system mode.")
  static let processMemory = MetricDefinition(process: "resident_memory_bytes", .gauge, .bytes, "The resident memory of this process.")
  static let processVirtualMemory = MetricDefinition(process: "virtual_memory_bytes", .gauge, .bytes, "The virtual memory of this process.")
  static let processStart = MetricDefinition(
    process: "start_time_seconds", .gauge, .seconds, "The start time of this process in Unix seconds.")
  static let processOpenFiles = MetricDefinition(process: "open_fds", .gauge, .count, "The number of open file descriptors.")
  static let processMaxOpenFiles = MetricDefinition(process: "max_fds", .gauge, .count, "The limit on open file descriptors.")

  static let workers: [MetricDefinition] = [
    lanesByState, lagEntries, lagSeconds, commitLag, batchEntries, batchBytes, batchDuration, unknownTypes, retries, fenced, ledgerRewinds,
    retentionDeleted, sessionsRestored, sessionRestoreTime, sessionsEvicted, sessionsEvictedBytes, snapshotsTaken,
    snapshotsPending, leaseChanges, bufferBytes, backpressure,
    deadLetters, divergences, deadLettersOpen, gapsOpen, accountingError,
    redisUp, postgresUp, redisEvictionSafe, reloadSuccess, buildInfo, processCPU, processMemory, processVirtualMemory, processStart,
    processOpenFiles, processMaxOpenFiles,
  ]
}
