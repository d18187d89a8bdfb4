package import TidemarkServers

/// Runs `body` with a Redis, its two replicas and three sentinels; all end with it however it ends.
@discardableResult
package func withReplicatedRedis<Result>(
  _ options: RedisServer.Options = .init(), isolation: isolated (any Actor)? = #isolation,
  _ body: (ReplicatedRedis) async throws -> Result
) async throws -> Result {
  let redis = ReplicatedRedis(options)
  do {
    try await redis.start()
    let result = try await body(redis)
    await redis.close()
    return result
  } catch {
    await redis.close()
    throw error
  }
}
