package import TidemarkRedis

/// Removes replayed letters from the hash `rejected` of a built-in lane, in which agents look up their dead letters.
package actor RejectedNames {
  private let keyspace: RedisKeyspace
  private let prefix: String
  /// Whether Redis has refused once; it is then not asked again for every piece.
  private var isRefused = false

  package init(_ redis: RedisConfiguration, prefix: String) {
    keyspace = RedisKeyspace(redis, name: "tidemark-dead-letters")
    self.prefix = prefix
  }

  /// Removes these letters, which are applied. If Redis can't be reached, their names stay until their entries are trimmed; Postgres is
  /// authoritative.
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
