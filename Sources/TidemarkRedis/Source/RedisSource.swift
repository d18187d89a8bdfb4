package import TidemarkCore

/// The streams of a Redis of any kind: one server, Sentinels or a Cluster.
package protocol RedisSource: LaneSource {
  /// Throws ``SourceError`` if a server does not answer.
  func ping() async throws

  /// Closes all connections. A later call opens them again.
  func close() async
}

extension RedisConfiguration {
  /// Returns the source of this Redis' streams and opens no connection. `prefix` is the beginning of the built-in lanes' names.
  package func makeSource(prefix: String) -> any RedisSource {
    if case .cluster = endpoint { RedisClusterSource(self, prefix: prefix) } else { RedisLaneSource(self, prefix: prefix) }
  }
}
