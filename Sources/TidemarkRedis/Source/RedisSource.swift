package import TidemarkCore

/// The streams of a Redis of any kind: one server, Sentinels or a Cluster.
package protocol RedisSource: LaneSource {
  /// Throws ``SourceError`` if a server does not answer.
  func ping() async throws

  /// Closes all connections. A later call opens them again.
  func close() async
}

extension RedisConfiguration {
  /// Returns the source of this Redis' streams and opens no connection. `lanes` may be without items.
  package func makeSource(lanes: LaneCatalog) -> any RedisSource {
    if case .cluster = endpoint { RedisClusterSource(self, lanes: lanes) } else { RedisLaneSource(self, lanes: lanes) }
  }
}
