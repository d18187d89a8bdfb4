extension ConfigurationSchema {
  static let snapshot = Section(
    "snapshot",
    "Copies of a session's state, rows of `snapshots`. Those of `on` and of `snapshot.requested` are taken in the transaction of their change, the "
      + "others by the owner of the lane in the background, with a twentieth of one backend's time: [where that is not "
      + "enough](sizing.md#snapshots), they are late.",
    [
      ConfigurationKey(
        "snapshot.every_changes", \.snapshot.everyChanges, .integer(1...1_000_000_000), .live,
        "The number of changes of a session after which a snapshot is taken."),
      ConfigurationKey(
        "snapshot.every", \.snapshot.every, .duration(.seconds(1)...(.seconds(30 * 86_400))), .live,
        "The time after which a session that has changed since its last snapshot gets another one."),
      ConfigurationKey(
        "snapshot.on", \.snapshot.on, .list, [.live, .nextTransaction],
        "The types of changes that get a snapshot in their own transaction; an agent's own types may be among them. `[]` is none."),
    ])
}
