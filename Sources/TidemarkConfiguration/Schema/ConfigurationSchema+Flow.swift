extension ConfigurationSchema {
  static let state = Section(
    "state", "The built-in lanes, `PREFIX:{N}:changes`, and the tables they fill.",
    [
      ConfigurationKey(
        "state.enabled", \.state.isEnabled, .boolean, [],
        "`false` serves only the lanes of `lanes` and not the built-in ones."),
      ConfigurationKey(
        "state.partitions", \.state.partitions, .integer(1...1024), [],
        "The number of built-in lanes. It is fixed at the first `tidemark migrate`, because it determines the lane of each "
          + "session."),
    ])

  static let lanes = Section(
    "", "Settings at the top level of the file.",
    [
      ConfigurationKey(
        "lanes", \.lanes, .lanes, .reloadable,
        "Further streams that are lanes, see [Other lanes](#other-lanes). No two items may match the same stream."),
      ConfigurationKey(
        "discover", \.discover, .duration(.milliseconds(100)...(.seconds(3600))), [],
        "The interval at which Redis is searched for new streams that match a pattern of `lanes`. Raise it on a server with very many "
          + "keys."),
      rewind,
    ])

  static let batch = Section(
    "batch", "The limits of one transaction. An entry larger than the limits gets a transaction of its own.",
    [
      ConfigurationKey(
        "batch.max_entries", \.batch.maxEntries, .integer(1...1_000_000), .ofBatches,
        "The largest number of entries in one transaction. Larger batches have more throughput and commit later; `tidemark bench` "
          + "advises a size."),
      ConfigurationKey(
        "batch.max_bytes", \.batch.maxBytes, .bytes(.kibibytes(1)...(.gibibytes(1))), .ofBatches,
        "The largest number of bytes of entries in one transaction. Must not be above `buffer.max_bytes`."),
      ConfigurationKey(
        "batch.max_delay", \.batch.maxDelay, .duration(.zero...(.seconds(60))), .ofBatches,
        "The time that an incomplete batch waits for more entries. With 0 it is written at once, and a batch grows only while the previous "
          + "one commits. Raise it to reduce the number of small transactions."),
    ])

  static let buffer = Section(
    "buffer", "Entries that were read and are not committed yet.",
    [
      ConfigurationKey(
        "buffer.max_bytes", \.buffer.maxBytes, .bytes(.mebibytes(1)...(.gibibytes(64))), .live,
        "The memory for these entries in each worker. When it is full, reading waits; nothing is lost, because the entries stay in Redis.")
    ])

  static let retry = Section(
    "retry", "The delays between attempts when a server does not answer.",
    [
      ConfigurationKey(
        "retry.base", \.retry.base, .duration(.milliseconds(1)...(.seconds(60))), .live,
        "The shortest delay. It grows with each further failure, with jitter."),
      ConfigurationKey(
        "retry.cap", \.retry.cap, .duration(.milliseconds(1)...(.seconds(3600))), .live,
        "The longest delay. The end of an outage is noticed after this time at the latest."),
    ])

  static let deadLetters = Section(
    "dead_letters", "Entries that cannot be applied.",
    [
      ConfigurationKey(
        "dead_letters.halt_after", \.deadLetters.haltAfter, .integer(1...1_000_000_000), [],
        "A lane halts after this many dead letters in a row, because the cause is then probably not a single record but, for example, a "
          + "producer's new release. The lane resumes when one of its dead letters is discarded or replayed, after `tidemark lanes retry` or "
          + "SIGHUP, and with its next owner. A change of this setting requires a restart.")
    ])

  static let dedupe = Section(
    "dedupe", "Changes that a producer has written twice.",
    [
      ConfigurationKey(
        "dedupe.window", \.dedupe.window, .duration(.seconds(1)...(.seconds(30 * 86_400))), [],
        "The largest distance between two entries of a session that have one `event_id` and count as one change. It is measured between the "
          + "entry ids in both directions, so an outage does not affect it. A longer window means lookups in a larger index.")
    ])

  static let lease = Section(
    "lease", "The ownership of lanes by workers.",
    [
      ConfigurationKey(
        "lease.ttl", \.lease.ttl, .duration(.seconds(1)...(.seconds(600))), [],
        "The time after which the lanes of a dead worker may be acquired by others. A shorter time speeds up the takeover but tolerates "
          + "less delay in the network.")
    ])

  static let checkpoint = Section(
    "checkpoint", "The periodic checkpoint of each lane that has moved, a row of `checkpoints`.",
    [
      ConfigurationKey(
        "checkpoint.interval", \.checkpoint.interval, .duration(.milliseconds(100)...(.seconds(86_400))), [],
        "The interval between checkpoints. They serve people and audits; no entry's safety depends on them.")
    ])

  static let limits = Section(
    "limits", "The limits of one entry.",
    [
      ConfigurationKey(
        "limits.max_entry_bytes", \.limits.maxEntryBytes, .bytes(.kibibytes(1)...(.mebibytes(512))), [],
        "A larger entry becomes a dead letter that keeps the beginning of each value. Text that is stored as JSON counts in that form, in "
          + "which a quote takes two bytes and a control character six; an entry that is too large only in that form becomes a dead letter "
          + "with all of its bytes. Must not be above `buffer.max_bytes`."),
      ConfigurationKey(
        "limits.max_fields", \.limits.maxFields, .integer(16...1_000_000), [],
        "An entry with more fields becomes a dead letter that keeps the first 1,000 fields. Each field costs Redis and the worker time, whatever "
          + "its size: an entry with a million fields stops all lanes for a moment."),
    ])

  static let text = Section(
    "text", "Text that PostgreSQL cannot hold.",
    [
      ConfigurationKey(
        "text.unstorable", \.text.unstorable, .choice(Configuration.UnstorableText.allCases.map(\.rawValue)), [],
        "The treatment of a NUL in a text, and of `\\u0000` and lone surrogates in JSON: `reject` makes a dead letter, `replace` stores U+FFFD "
          + "instead.")
    ])

  static let trim = Section(
    "trim", "The removal of durable entries from the built-in lanes.",
    [
      ConfigurationKey("trim.enabled", \.trim.isEnabled, .boolean, .live, "`false` disables trimming by workers."),
      ConfigurationKey(
        "trim.keep", \.trim.keep, .duration(.zero...(.seconds(365 * 86_400))), .live,
        "The time for which durable entries stay in Redis. If `trim.keep_bytes` allows fewer entries, it applies instead."),
      ConfigurationKey(
        "trim.keep_bytes", \.trim.keepBytes, .bytes(ByteCount(0)...(.gibibytes(1024))), .live,
        "The number of bytes of durable entries that stay in Redis, for each lane: 16 lanes hold 16 times this number."),
      ConfigurationKey(
        "trim.ignore_groups", \.trim.ignoreGroups, .list, .live,
        "Consumer groups that trimming does not wait for, such as an abandoned one."),
    ])

  static let pressure = Section(
    "pressure", "The pressure that is published to agents when PostgreSQL falls behind.",
    [
      ConfigurationKey(
        "pressure.slow", \.pressure.slow, .duration(.zero...(.seconds(86_400))), .live,
        "The lag at which agents are asked to slow down, until it has fallen to half. Must be less than `pressure.stop`."),
      ConfigurationKey(
        "pressure.stop", \.pressure.stop, .duration(.milliseconds(1)...(.seconds(86_400))), .live,
        "The lag at which agents are asked to stop, until it has fallen to half."),
      ConfigurationKey(
        "pressure.memory", \.pressure.memory, .percent(1...100), .live,
        "The share of Redis' `maxmemory` at which agents are asked to stop, until it has fallen by five points. Until then, durable sessions "
          + "leave Redis, the oldest first, if `hot.evict_idle_after` is set. It has no effect without `maxmemory`."),
      ConfigurationKey(
        "pressure.enforce", \.pressure.enforce, .boolean, .live,
        "`true` makes the function library refuse changes (`BUSY stop`) while agents are asked to stop. Plain XADD is never refused."),
    ])

  /// The setting `rewind`, which is at the top level of the file.
  static let rewind = ConfigurationKey(
    "rewind", \.rewind, .choice(Configuration.Rewind.allCases.map(\.rawValue)), [],
    "The policy for a lane whose stream was recreated, flushed or rewound: `halt` stops the lane until an operator acts, `resume` reads "
      + "everything that Redis has again, and `reseed` keeps PostgreSQL's state and applies only new entries.")
}
