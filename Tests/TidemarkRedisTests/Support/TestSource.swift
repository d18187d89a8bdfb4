import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

/// The installation of the tests' ledger.
let ours = InstallationID("ours")

/// Runs `body` with a private server and a source on it, which is closed afterwards.
func withSource(
  _ options: RedisServer.Options = .init(), prefix: String = "tidemark", isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisServer, RedisLaneSource) async throws -> Void
) async throws {
  try await withRedis(options) { server in
    try await using(try RedisConfiguration(url: server.url), prefix: prefix) { try await body(server, $0) }
  }
}

/// Runs `body` with a source, which is closed afterwards.
func using<Value>(
  _ configuration: RedisConfiguration, prefix: String = "tidemark", isolation: isolated (any Actor)? = #isolation,
  _ body: (RedisLaneSource) async throws -> Value
) async throws -> Value {
  let source = RedisLaneSource(configuration, lanes: LaneCatalog(prefix: prefix, partitions: 16))
  do {
    let value = try await body(source)
    await source.close()
    return value
  } catch {
    await source.close()
    throw error
  }
}

/// Returns the error of a call that must fail.
func failure(isolation: isolated (any Actor)? = #isolation, of body: () async throws -> Void) async -> SourceError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? SourceError
  }
}
