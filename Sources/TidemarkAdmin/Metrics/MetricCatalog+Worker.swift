extension MetricCatalog {
  // Rendered by ``LaneExposition`` at the moment of a scrape.

  static let lanesByState = MetricDefinition(
    "lanes", .gauge, labels: ["state"], of: .worker, "Lanes that this worker owns, by state.")
  static let lagEntries = MetricDefinition(
    "lag_entries", .gauge, .entries, of: .worker,
    "Entries of the whole installation that are not committed, lanes that nobody owns among them; absent while that of any lane is unknown. "
      + "Every worker reports the same, so take the maximum.")
  static let lagSeconds = MetricDefinition(
    "lag_seconds", .gauge, .seconds, of: .worker,
    "The age of the oldest of these; 0 when none waits. Every worker reports the same, so take the maximum.")
  static let bufferBytes = MetricDefinition(
    "buffer_bytes", .gauge, .bytes, of: .worker, "What was read and is not committed. Its limit is buffer.max_bytes.")
  static let backpressure = MetricDefinition(
    "backpressure_seconds_total", .counter, .seconds, of: .worker, "For how long reading stood still until something was committed.")
  static let deadLettersOpen = MetricDefinition(
    "dead_letters_open", .gauge, of: .worker,
    "Dead letters without a resolution, of the whole installation: every worker reports the same, so take the maximum.")
  static let gapsOpen = MetricDefinition(
    "gaps_open", .gauge, of: .worker,
    "Gaps that nobody acknowledged, of the whole installation: every worker reports the same, so take the maximum.")
  static let accountingError = MetricDefinition(
    "accounting_error", .gauge, .entries, of: .worker,
    "By how much the accounting of this worker's lanes does not add up. Anything but 0 is an error of Tidemark's: please report it.")
  static let redisUp = MetricDefinition("redis_up", .gauge, .flag, of: .worker, "1 when Redis answers this worker.")
  static let postgresUp = MetricDefinition("postgres_up", .gauge, .flag, of: .worker, "1 when PostgreSQL answers this worker.")
  static let redisEvictionSafe = MetricDefinition(
    "redis_eviction_safe", .gauge, .flag, of: .worker,
    "1 when Redis' maxmemory-policy never evicts a key without expiry (noeviction or volatile-*); absent where Redis does not tell.")

  // Counted as it happens, by the engine and the process.

  static let commitLag = MetricDefinition(
    "commit_lag_seconds", .histogram, .seconds, of: .worker,
    "From an entry's XADD to its commit in PostgreSQL, by the entry id and this machine's clock.")
  static let batchEntries = MetricDefinition("batch_entries", .histogram, .entries, of: .worker, "Entries of a transaction.")
  static let batchBytes = MetricDefinition("batch_bytes", .histogram, .bytes, of: .worker, "Bytes of a transaction.")
  static let batchDuration = MetricDefinition(
    "batch_duration_seconds", .histogram, .seconds, labels: ["phase"], of: .worker,
    "How long a phase takes: read (one XREAD), apply (decoding and routing a batch), commit (the transaction).")
  static let deadLetters = MetricDefinition(
    "dead_letters_total", .counter, .entries, labels: ["reason"], of: .worker, "Entries that became dead letters in this worker.")
  static let unknownTypes = MetricDefinition(
    "entries_unknown_type_total", .counter, .entries, labels: ["type", "nearest"], of: .worker,
    "Entries of a type that is not known, which are kept whole; nearest is the known type that was probably meant, "
      + "empty where none is near. Of more than 64 types the others are counted as other.")
  static let retries = MetricDefinition(
    "retries_total", .counter, labels: ["class"], of: .worker,
    "Failures that were tried again: world (it passes), ambiguous, interrupted (the statement or its connection ended), "
      + "configuration, outcome_unknown (a commit without an answer), redis.")
  static let fenced = MetricDefinition(
    "fenced_total", .counter, of: .worker, "Lanes that this worker gave up in a commit because another owner or position held them.")
  static let ledgerRewinds = MetricDefinition(
    "ledger_rewinds_total", .counter, of: .worker,
    "Lanes of which PostgreSQL had less than this worker had committed: it went back without another timeline. "
      + "What Redis still has is committed again.")
  static let retentionDeleted = MetricDefinition(
    "retention_deleted_rows_total", .counter, labels: ["table"], of: .worker,
    "Rows that this worker removed because they had been kept for long enough; event_ids counts producers' ids, of earlier_event_ids, too.")
  static let leaseChanges = MetricDefinition(
    "lease_changes_total", .counter, of: .worker, "Shards that this worker took, lost or gave back.")
  static let divergences = MetricDefinition(
    "divergences_total", .counter, labels: ["kind"], of: .worker, "Differences found between Redis and PostgreSQL.")
  static let reloadSuccess = MetricDefinition(
    "config_reload_success", .gauge, .flag, of: .worker,
    "1 when all of the configuration that was read last is in force, 0 when it was refused or a part of it waits for a restart.")
  static let buildInfo = MetricDefinition(
    "build_info", .gauge, .flag, labels: ["version"], of: .worker, "Always 1; its label tells the version.")

  // Read from the kernel at the moment of a scrape, named as every Prometheus client names them.

  static let processCPU = MetricDefinition(
    process: "cpu_seconds_total", .counter, .seconds, "CPU time that this process has used, in user and system mode.")
  static let processMemory = MetricDefinition(process: "resident_memory_bytes", .gauge, .bytes, "Memory of this process that is in RAM.")
  static let processVirtualMemory = MetricDefinition(process: "virtual_memory_bytes", .gauge, .bytes, "Address space of this process.")
  static let processStart = MetricDefinition(
    process: "start_time_seconds", .gauge, .seconds, "When this process started, in Unix seconds.")
  static let processOpenFiles = MetricDefinition(process: "open_fds", .gauge, .count, "File descriptors that this process has open.")
  static let processMaxOpenFiles = MetricDefinition(process: "max_fds", .gauge, .count, "File descriptors that it may have open.")

  static let workers: [MetricDefinition] = [
    lanesByState, lagEntries, lagSeconds, commitLag, batchEntries, batchBytes, batchDuration, unknownTypes, retries, fenced, ledgerRewinds,
    retentionDeleted, leaseChanges, bufferBytes, backpressure, deadLetters, divergences, deadLettersOpen, gapsOpen, accountingError,
    redisUp, postgresUp, redisEvictionSafe, reloadSuccess, buildInfo, processCPU, processMemory, processVirtualMemory, processStart,
    processOpenFiles, processMaxOpenFiles,
  ]
}
