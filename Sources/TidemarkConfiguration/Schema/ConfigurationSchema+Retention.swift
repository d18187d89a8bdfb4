extension ConfigurationSchema {
  private static let kept = Duration.seconds(60)...Duration.seconds(36_500 * 86_400)

  static let retention = Section(
    "retention",
    "The time for which PostgreSQL keeps rows other than the state itself. One worker removes older rows in the background, a few at a time; "
      + "[sizing](sizing.md#what-grows-and-what-ends-it) lists the rows that are kept forever.",
    [
      ConfigurationKey(
        "retention.checkpoints", \.retention.checkpoints, .duration(kept), .live,
        "The time for which rows of `checkpoints` are kept. The newest row of each lane is never removed."),
      ConfigurationKey(
        "retention.snapshots_per_session", \.retention.snapshotsPerSession, .integer(1...10_000), .live,
        "The number of snapshots that are kept of each session, the newest by position."),
      ConfigurationKey(
        "retention.dead_letters_resolved", \.retention.deadLettersResolved, .duration(kept), .live,
        "The time for which a dead letter is kept after it was replayed or discarded. It is kept longer while its stream still holds the entry; "
          + "open dead letters are kept forever."),
      ConfigurationKey(
        "retention.changes", \.retention.changes, .duration(kept), [.reloadable, .tunable, .optional, .reserved],
        "The time for which rows of `changes` are kept. If unset, and in this release always, they are kept forever: the audit trail also "
          + "identifies entries that are read again, and may be removed only together with the data that `forget` erases."),
      ConfigurationKey(
        "retention.messages", \.retention.messages, .duration(kept), [.reloadable, .tunable, .optional, .reserved],
        "The time for which messages are kept. If unset, and in this release always, they are kept forever: a snapshot refers to earlier "
          + "messages."),
    ])
}
