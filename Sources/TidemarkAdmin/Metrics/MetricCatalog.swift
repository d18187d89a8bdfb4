/// Every metric of this program, documented once: the exposition, the reference page and the registry's buckets come from here.
package enum MetricCatalog {
  package static let all = lanes + workers

  private static let byName = Dictionary(all.map { ($0.fullName, $0) }) { first, _ in first }

  /// A metric by its full name, `tidemark_batch_bytes`.
  package static func definition(_ fullName: String) -> MetricDefinition? { byName[fullName] }

  /// The order in which the exposition lists them.
  static let order = Dictionary(all.enumerated().map { ($1.fullName, $0) }) { first, _ in first }

  // Rendered by ``LaneExposition``.

  static let laneLagEntries = MetricDefinition(
    "lane_lag_entries", .gauge, .entries, labels: ["lane"], of: .lane, "Entries that Redis added beyond the lane's cursor.")
  static let laneLagSeconds = MetricDefinition(
    "lane_lag_seconds", .gauge, .seconds, labels: ["lane"], of: .lane,
    "Age of the lane's oldest entry that is not committed, by Redis' clock; 0 when none waits.")
  static let laneLastCommit = MetricDefinition(
    "lane_last_commit_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "When this worker last committed entries of the lane; absent until it has. For lane=\"other\", the longest ago.")
  static let laneState = MetricDefinition(
    "lane_state", .gauge, .flag, labels: ["lane", "state"], of: .lane,
    "1 for the state that the lane is in, 0 for the others. For lane=\"other\", how many lanes are in the state.")
  static let laneFence = MetricDefinition(
    "lane_fence", .gauge, labels: ["lane"], of: .lane, "The lane's fencing token; it rises with every owner.")
  static let entriesRead = MetricDefinition(
    "entries_read_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Entries of the lane whose outcome is committed, as the ledger counts them, whoever committed them.")
  static let entriesApplied = MetricDefinition(
    "entries_applied_total", .counter, .entries, labels: ["lane"], of: .lane, "Of these, applied.")
  static let entriesDuplicate = MetricDefinition(
    "entries_duplicate_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of these, without effect because the producer had sent the same event_id with the same content before.")
  static let entriesDivergent = MetricDefinition(
    "entries_divergent_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of these, found with another content than PostgreSQL holds for the same entry id.")
  static let entriesEphemeral = MetricDefinition(
    "entries_ephemeral_total", .counter, .entries, labels: ["lane"], of: .lane, "Of these, ephemeral: counted and not stored.")
  static let entriesSkipped = MetricDefinition(
    "entries_skipped_total", .counter, .entries, labels: ["lane"], of: .lane, "Of these, skipped because no route wanted them.")
  static let entriesMisrouted = MetricDefinition(
    "entries_misrouted_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of the applied ones, entries of sessions that belong to another lane: a producer that computes the partition wrongly.")
  static let entriesMissing = MetricDefinition(
    "entries_missing_total", .counter, .entries, labels: ["lane", "cause"], of: .lane,
    "Entries of the lane that were lost before they were read, exactly, as this worker recorded them: trimmed, or deleted. "
      + "Each is in a row of gaps. Lanes of a pattern are counted together, under the pattern.")
  static let laneBreaks = MetricDefinition(
    "lane_breaks_total", .counter, labels: ["lane", "cause"], of: .lane,
    "How often this worker found another stream than the one that was read: flushed, evicted, recreated or rewound. Each is a row of gaps; "
      + "what went with the old stream only Redis could have told. Lanes of a pattern are counted together, under the pattern.")
  static let lanePressure = MetricDefinition(
    "lane_pressure", .gauge, labels: ["lane"], of: .lane,
    "What the lane's agents are told: 0 ok, 1 slow, 2 stop. For lane=\"other\", the hardest.")
  static let entriesTrimmed = MetricDefinition(
    "entries_trimmed_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Durable entries of the lane that this worker removed from Redis.")
  static let trimBlocked = MetricDefinition(
    "trim_blocked_seconds", .gauge, .seconds, labels: ["lane", "group"], of: .lane,
    "For how long another consumer group has kept this worker from trimming the lane; absent where none does. "
      + "For lane=\"other\", the longest.")
  static let checkpointTimestamp = MetricDefinition(
    "checkpoint_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "When this worker last wrote a checkpoint of the lane; absent until it has. A lane that does not move gets none. "
      + "For lane=\"other\", the longest ago.")

  static let lanes: [MetricDefinition] = [
    laneLagEntries, laneLagSeconds, laneLastCommit, laneState, laneFence, lanePressure, entriesRead, entriesApplied, entriesDuplicate,
    entriesDivergent, entriesEphemeral, entriesSkipped, entriesMisrouted, entriesMissing, laneBreaks, entriesTrimmed, trimBlocked,
    checkpointTimestamp,
  ]
}
