package import TidemarkServers

/// Runs `body` with a Redis Cluster of six nodes; all end with it however it ends.
@discardableResult
package func withRedisCluster<Result>(
  _ options: RedisServer.Options = .init(), isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisCluster) async throws -> Result
) async throws -> Result {
  let cluster = try RedisCluster(options)
  do {
    try await cluster.start()
    let result = try await body(cluster)
    await cluster.close()
    return result
  } catch {
    await cluster.close()
    throw error
  }
}
