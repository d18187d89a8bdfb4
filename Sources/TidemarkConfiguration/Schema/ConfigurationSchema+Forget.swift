extension ConfigurationSchema {
  static let forget = Section(
    "forget", "What becomes of sessions that `tidemark forget` has erased.",
    [
      ConfigurationKey(
        "forget.refuse", \.forget.isRefusing, .boolean, [],
        "`true` makes what agents still write to a session that was forgotten a dead letter (`forgotten`) of which nothing is kept; `false` lets it "
          + "begin a new session once the erasure is finished. The command `forget` reads it, and what it read holds for the sessions that it "
          + "erases, on all workers and for ever.")
    ])
}
