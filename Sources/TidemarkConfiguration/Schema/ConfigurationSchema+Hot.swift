extension ConfigurationSchema {
  static let hot = Section(
    "hot", "The state of sessions that stays in Redis.",
    [
      ConfigurationKey(
        "hot.messages", \.hot.messages, .integer(0...100_000), .live,
        "The number of messages of a session that the function library keeps in Redis: the last ones that are visible."),
      ConfigurationKey(
        "hot.evict_idle_after", \.hot.evictIdleAfter, .duration(.zero...(.seconds(365 * 86_400))), .live,
        "The time without a change after which a durable session leaves Redis; the next access brings it back. When Redis has reached "
          + "`pressure.memory`, sessions leave earlier, the oldest first, but none that was used within the last minute. 0 means never."),
    ])
}
