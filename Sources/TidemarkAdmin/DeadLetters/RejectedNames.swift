package import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// Removes replayed letters from the hash `rejected` of a lane, in which agents look up their dead letters.
package actor RejectedNames {
  private let keyspace: RedisKeyspace
  private let lanes: LaneCatalog
  /// Whether Redis has refused once; it is then not asked again for every piece.
  private var isRefused = false

  package init(_ redis: RedisConfiguration, lanes: LaneCatalog) {
    keyspace = RedisKeyspace(redis, name: "tidemark-dead-letters")
    self.lanes = lanes
  }

  /// Removes these letters, which are applied. If Redis can't be reached, their names stay until their entries are trimmed; Postgres is
  /// authoritative.
  package func forget(_ letters: [DeadLetter]) async {
    guard !letters.isEmpty, !isRefused else { return }
    do {
      try await RejectedEntries.forget(letters.map { ($0.lane, $0.entry) }, of: lanes, in: keyspace)
    } catch {
      isRefused = true
    }
  }

  package func close() async { await keyspace.close() }
}
