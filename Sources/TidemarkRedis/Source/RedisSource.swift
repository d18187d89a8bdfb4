package import TidemarkCore

/// The streams of a Redis, whatever it is made of.
package protocol RedisSource: LaneSource {
  /// Throws ``SourceError`` where a server does not answer.
  func ping() async throws

  /// Closes all connections. A later call would open them again.
  func close() async
}

extension RedisConfiguration {
  /// The streams of this Redis. Connects nothing yet. `prefix` is the one that the built-in lanes' names begin with.
  package func makeSource(prefix: String) -> any RedisSource {
    if case .cluster = endpoint { RedisClusterSource(self, prefix: prefix) } else { RedisLaneSource(self, prefix: prefix) }
  }
}
