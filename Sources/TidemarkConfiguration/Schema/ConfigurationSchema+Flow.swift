extension ConfigurationSchema {
  static let state = Section(
    "state", "The built-in lanes, `PREFIX:{N}:changes`, and the tables they fill.",
    [
      ConfigurationKey(
        "state.enabled", \.state.isEnabled, .boolean, [],
        "`false` leaves the built-in lanes alone and serves only those of `lanes`."),
      ConfigurationKey(
        "state.partitions", \.state.partitions, .integer(1...1024), [],
        "How many built-in lanes there are. Fixed at the first `tidemark migrate`: sessions are spread over the lanes by this "
          + "number, so it never changes afterwards."),
    ])

  static let lanes = Section(
    "", "Settings at the top level of the file.",
    [
      ConfigurationKey(
        "lanes", \.lanes, .lanes, .reloadable,
        "Other streams that are lanes as well, see [Other lanes](#other-lanes). No two items may match the same stream."),
      ConfigurationKey(
        "discover", \.discover, .duration(.milliseconds(100)...(.seconds(3600))), [],
        "How often Redis is searched for new streams that match a pattern of `lanes`. Raise it on a server with very many keys."),
      rewind,
    ])

  static let batch = Section(
    "batch", "The limits of one transaction. An entry larger than them travels alone.",
    [
      ConfigurationKey(
        "batch.max_entries", \.batch.maxEntries, .integer(1...1_000_000), .live,
        "Entries in one transaction at most. Larger batches are faster in total and commit later; `tidemark bench` advises."),
      ConfigurationKey(
        "batch.max_bytes", \.batch.maxBytes, .bytes(.kibibytes(1)...(.gibibytes(1))), .live,
        "Bytes of entries in one transaction at most. Not above `buffer.max_bytes`."),
      ConfigurationKey(
        "batch.max_delay", \.batch.maxDelay, .duration(.zero...(.seconds(60))), .live,
        "How long an incomplete batch waits for more. 0 writes at once; batches then grow by themselves while the last one "
          + "commits. Raise it to spare PostgreSQL many small transactions."),
    ])

  static let buffer = Section(
    "buffer", "What was read and is not committed yet.",
    [
      ConfigurationKey(
        "buffer.max_bytes", \.buffer.maxBytes, .bytes(.mebibytes(1)...(.gibibytes(64))), .live,
        "Memory for entries on their way, for each worker. When it is full, reading waits; nothing is lost, the entries stay in Redis.")
    ])

  static let retry = Section(
    "retry", "Waiting between attempts when a server does not answer.",
    [
      ConfigurationKey(
        "retry.base", \.retry.base, .duration(.milliseconds(1)...(.seconds(60))), .live,
        "The shortest wait. Each further failure waits longer, with random spread."),
      ConfigurationKey(
        "retry.cap", \.retry.cap, .duration(.milliseconds(1)...(.seconds(3600))), .live,
        "The longest wait. It is also how soon an outage's end is noticed at the latest."),
    ])

  static let deadLetters = Section(
    "dead_letters", "Entries that cannot be applied.",
    [
      ConfigurationKey(
        "dead_letters.halt_after", \.deadLetters.haltAfter, .integer(1...1_000_000_000), [],
        "After so many dead letters in a row a lane halts: then not the records are wrong but something else, such as a "
          + "producer's release. The lane goes on once one of its dead letters is discarded or replayed, after `tidemark lanes retry` or "
          + "SIGHUP, and with its next owner; a change of this setting takes a restart.")
    ])

  static let dedupe = Section(
    "dedupe", "Changes written twice by their producer.",
    [
      ConfigurationKey(
        "dedupe.window", \.dedupe.window, .duration(.seconds(1)...(.seconds(30 * 86_400))), [],
        "How far apart two entries of a session with one `event_id` may be and still count as one change. Counted by their ids, before and "
          + "after, so that an outage in between changes nothing. Longer costs lookups in a larger index.")
    ])

  static let lease = Section(
    "lease", "Which worker owns a lane.",
    [
      ConfigurationKey(
        "lease.ttl", \.lease.ttl, .duration(.seconds(1)...(.seconds(600))), [],
        "How long a worker that vanished keeps its lanes from the others. Shorter takes over sooner and is less patient with a "
          + "slow network.")
    ])

  static let checkpoint = Section(
    "checkpoint", "The periodic mark of each lane that moved, a row of `checkpoints`.",
    [
      ConfigurationKey(
        "checkpoint.interval", \.checkpoint.interval, .duration(.milliseconds(100)...(.seconds(86_400))), [],
        "How often marks are written. They are for people and audits; no entry's safety depends on them.")
    ])

  static let limits = Section(
    "limits", "What one entry may be.",
    [
      ConfigurationKey(
        "limits.max_entry_bytes", \.limits.maxEntryBytes, .bytes(.kibibytes(1)...(.mebibytes(512))), [],
        "A larger entry becomes a dead letter with the beginning of each of its values. What has to be stored as JSON counts in that form, "
          + "in which a quote takes two bytes and a control character six: an entry that is larger only so is a dead letter with all of its "
          + "bytes. Not above `buffer.max_bytes`."),
      ConfigurationKey(
        "limits.max_fields", \.limits.maxFields, .integer(16...1_000_000), [],
        "An entry with more fields becomes a dead letter with the first 1,000 of them. Each field costs Redis and the worker time of its own, "
          + "whatever its size: an entry of a million stops all lanes for a moment."),
    ])

  static let text = Section(
    "text", "Text that PostgreSQL cannot hold.",
    [
      ConfigurationKey(
        "text.unstorable", \.text.unstorable, .choice(Configuration.UnstorableText.allCases.map(\.rawValue)), [],
        "What becomes of a NUL in a text, and of `\\u0000` and lone surrogates in JSON: `reject` makes a dead letter, `replace` stores U+FFFD in "
          + "their place.")
    ])

  static let trim = Section(
    "trim", "Removing durable entries from the built-in lanes.",
    [
      ConfigurationKey("trim.enabled", \.trim.isEnabled, .boolean, .live, "`false` leaves trimming to somebody else."),
      ConfigurationKey(
        "trim.keep", \.trim.keep, .duration(.zero...(.seconds(365 * 86_400))), .live,
        "How long durable entries stay in Redis. The smaller bound of this and `trim.keep_bytes` wins."),
      ConfigurationKey(
        "trim.keep_bytes", \.trim.keepBytes, .bytes(ByteCount(0)...(.gibibytes(1024))), .live,
        "How many bytes of durable entries stay in Redis, of each lane: 16 lanes hold 16 times as much."),
      ConfigurationKey(
        "trim.ignore_groups", \.trim.ignoreGroups, .list, .live,
        "Consumer groups that trimming does not wait for, such as one that nobody reads any more."),
    ])

  static let pressure = Section(
    "pressure", "What agents are told when PostgreSQL falls behind.",
    [
      ConfigurationKey(
        "pressure.slow", \.pressure.slow, .duration(.zero...(.seconds(86_400))), .live,
        "From this lag on agents are asked to slow down, until it is half of that. Below `pressure.stop`."),
      ConfigurationKey(
        "pressure.stop", \.pressure.stop, .duration(.milliseconds(1)...(.seconds(86_400))), .live,
        "From this lag on agents are asked to stop, until it is half of that."),
      ConfigurationKey(
        "pressure.memory", \.pressure.memory, .percent(1...100), .live,
        "From this share of Redis' `maxmemory` on agents are asked to stop, until it is five points below. Without `maxmemory` it does not matter."
      ),
      ConfigurationKey(
        "pressure.enforce", \.pressure.enforce, .boolean, [.reloadable, .tunable, .reserved],
        "`true` refuses changes while agents are asked to stop."),
    ])

  /// Stands at the top level of the file.
  static let rewind = ConfigurationKey(
    "rewind", \.rewind, .choice(Configuration.Rewind.allCases.map(\.rawValue)), [],
    "What to do with a lane whose stream was recreated, flushed or rewound: `halt` it until an operator has looked, `resume` by reading "
      + "again all that Redis has, or `reseed`: PostgreSQL is right, and only what is written from now on is applied.")
}
