package import TidemarkRedis

/// What agents are told of dead letters: the hash `rejected` beside a built-in lane, whose writers look there for what became of an entry.
package actor RejectedNames {
  private let keyspace: RedisKeyspace
  private let prefix: String
  /// Redis did not take it once: it is not asked again for every piece.
  private var isRefused = false

  package init(_ redis: RedisConfiguration, prefix: String) {
    keyspace = RedisKeyspace(redis, name: "tidemark-dead-letters")
    self.prefix = prefix
  }

  /// These are applied by now. Where Redis can't be asked, their names stay there until their entries are trimmed: what counts is in Postgres.
  package func forget(_ letters: [DeadLetter]) async {
    guard !letters.isEmpty, !isRefused else { return }
    do {
      try await RejectedEntries.forget(letters.map { ($0.lane, $0.entry) }, prefix: prefix, in: keyspace)
    } catch {
      isRefused = true
    }
  }

  package func close() async { await keyspace.close() }
}
