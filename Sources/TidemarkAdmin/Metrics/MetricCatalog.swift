/// Every metric of this program, documented once: the exposition, the reference page and the registry's buckets use this catalog.
package enum MetricCatalog {
  package static let all = lanes + workers

  private static let byName = Dictionary(all.map { ($0.fullName, $0) }) { first, _ in first }

  /// Returns a metric by its full name, such as `tidemark_batch_bytes`.
  package static func definition(_ fullName: String) -> MetricDefinition? { byName[fullName] }

  /// The order of the metrics in the exposition.
  static let order = Dictionary(all.enumerated().map { ($1.fullName, $0) }) { first, _ in first }

  // Metrics that ``LaneExposition`` renders.

  static let laneLagEntries = MetricDefinition(
    "lane_lag_entries", .gauge, .entries, labels: ["lane"], of: .lane, "Entries that Redis has added after the lane's cursor.")
  static let laneLagSeconds = MetricDefinition(
    "lane_lag_seconds", .gauge, .seconds, labels: ["lane"], of: .lane,
    "The age of the lane's oldest entry that is not committed, by Redis' clock; 0 when there is none.")
  static let laneLastCommit = MetricDefinition(
    "lane_last_commit_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "The time of this worker's last commit of entries of the lane; absent before the first. For lane=\"other\", the earliest.")
  static let laneState = MetricDefinition(
    "lane_state", .gauge, .flag, labels: ["lane", "state"], of: .lane,
    "1 for the lane's current state, 0 for the others. For lane=\"other\", the number of lanes in the state.")
  static let laneFence = MetricDefinition(
    "lane_fence", .gauge, labels: ["lane"], of: .lane, "The lane's fencing token, which increases with every owner.")
  static let entriesRead = MetricDefinition(
    "entries_read_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Entries of the lane whose outcome is committed, by any worker, as the ledger counts them.")
  static let entriesApplied = MetricDefinition(
    "entries_applied_total", .counter, .entries, labels: ["lane"], of: .lane, "Of the entries read, those that were applied.")
  static let entriesDuplicate = MetricDefinition(
    "entries_duplicate_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of the entries read, those without effect because the producer had sent an equal change with this event_id before.")
  static let entriesDivergent = MetricDefinition(
    "entries_divergent_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of the entries read, those whose content differs from what PostgreSQL has under the entry id.")
  static let entriesEphemeral = MetricDefinition(
    "entries_ephemeral_total", .counter, .entries, labels: ["lane"], of: .lane, "Of the entries read, the ephemeral ones, not stored.")
  static let entriesSkipped = MetricDefinition(
    "entries_skipped_total", .counter, .entries, labels: ["lane"], of: .lane, "Of the entries read, those that no route matched.")
  static let entriesMisrouted = MetricDefinition(
    "entries_misrouted_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Of the entries applied, those of sessions that belong to another lane: a producer computes the partition wrongly.")
  static let entriesMissing = MetricDefinition(
    "entries_missing_total", .counter, .entries, labels: ["lane", "cause"], of: .lane,
    "The exact number of the lane's entries that were lost before they were read, as this worker recorded: trimmed or deleted. "
      + "Each is in a row of gaps. Lanes of a pattern are counted together under the pattern.")
  static let laneBreaks = MetricDefinition(
    "lane_breaks_total", .counter, labels: ["lane", "cause"], of: .lane,
    "How often this worker found that a stream was replaced: flushed, evicted, recreated or rewound. Each time adds a row of gaps; "
      + "the number of entries lost with the old stream is unknown. Lanes of a pattern are counted together under the pattern.")
  static let lanePressure = MetricDefinition(
    "lane_pressure", .gauge, labels: ["lane"], of: .lane,
    "The pressure that is published to the lane's agents: 0 ok, 1 slow, 2 stop. For lane=\"other\", the highest.")
  static let entriesTrimmed = MetricDefinition(
    "entries_trimmed_total", .counter, .entries, labels: ["lane"], of: .lane,
    "Durable entries of the lane that this worker has removed from Redis.")
  static let trimBlocked = MetricDefinition(
    "trim_blocked_seconds", .gauge, .seconds, labels: ["lane", "group"], of: .lane,
    "The time for which another consumer group has kept this worker from trimming the lane; absent if none does. "
      + "For lane=\"other\", the longest.")
  static let sealedThrough = MetricDefinition(
    "sealed_through_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "The commit time of the lane's last change that is sealed; absent while that is not known. Compare it with "
      + "`tidemark_lane_last_commit_timestamp_seconds`. For lane=\"other\", the earliest.")
  static let checkpointTimestamp = MetricDefinition(
    "checkpoint_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "The time of this worker's last checkpoint of the lane; absent before the first. A lane that does not move gets none. "
      + "For lane=\"other\", the earliest.")

  static let verifiedThrough = MetricDefinition(
    "verified_through_timestamp_seconds", .gauge, .timestamp, labels: ["lane"], of: .lane,
    "The time of the last entry through which the lane's log was compared with PostgreSQL; compare it with that of the lane's last entry. Absent "
      + "while it is not known. For lane=\"other\", the earliest.")

  static let lanes: [MetricDefinition] = [
    laneLagEntries, laneLagSeconds, laneLastCommit, laneState, laneFence, lanePressure, entriesRead, entriesApplied, entriesDuplicate,
    entriesDivergent, entriesEphemeral, entriesSkipped, entriesMisrouted, entriesMissing, laneBreaks, entriesTrimmed, trimBlocked,
    checkpointTimestamp, sealedThrough, verifiedThrough,
  ]
}
