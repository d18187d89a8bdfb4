extension ConfigurationSchema {
  private static let kept = Duration.seconds(60)...Duration.seconds(36_500 * 86_400)

  static let retention = Section(
    "retention",
    "How long PostgreSQL keeps what is not the state itself. One worker removes in the background what is older, a little at a time; what is "
      + "kept for ever is in [sizing](sizing.md#what-grows-and-what-ends-it).",
    [
      ConfigurationKey(
        "retention.checkpoints", \.retention.checkpoints, .duration(kept), .live,
        "How long rows of `checkpoints` are kept. The newest one of each lane stays however old it is."),
      ConfigurationKey(
        "retention.snapshots_per_session", \.retention.snapshotsPerSession, .integer(1...10_000), .live,
        "How many snapshots of a session are kept, the newest by position."),
      ConfigurationKey(
        "retention.dead_letters_resolved", \.retention.deadLettersResolved, .duration(kept), .live,
        "How long a dead letter is kept after it was replayed or discarded. Longer where its stream still holds the entry; an open one stays "
          + "for ever."),
      ConfigurationKey(
        "retention.changes", \.retention.changes, .duration(kept), [.reloadable, .tunable, .optional, .reserved],
        "How long rows of `changes` are kept. Left out, for ever, as in this release in any case: the audit trail is also what knows an entry that is "
          + "read again, and may only go together with what `forget` erases."),
      ConfigurationKey(
        "retention.messages", \.retention.messages, .duration(kept), [.reloadable, .tunable, .optional, .reserved],
        "How long messages are kept. Left out, for ever, as in this release in any case: a snapshot counts on the messages before it."),
    ])
}
