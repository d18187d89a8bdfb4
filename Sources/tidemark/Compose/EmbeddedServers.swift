import Foundation
import TidemarkConfiguration
import TidemarkTestKit

/// The private Redis and Postgres of `dev`, in one folder; both end with this process, the data stay.
struct EmbeddedServers {
  let redis: RedisServer
  let postgres: PostgresServer

  /// Starts both. Throws ``TestKitError`` in one line where one can't be started.
  static func start(in folder: String) async throws -> EmbeddedServers {
    // Root's Postgres runs as another user, who has to get in.
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    let redis = RedisServer(.init(directory: "\(folder)/redis", persistence: true))
    let postgres = PostgresServer(.init(directory: "\(folder)/postgres", persistent: true, listensOnLoopback: false))
    try await redis.start()
    do {
      try await postgres.start()
    } catch {
      await redis.close()
      throw error
    }
    return EmbeddedServers(redis: redis, postgres: postgres)
  }

  var overlays: [Overlay] {
    [
      Overlay(key: "redis.url", value: redis.url, source: .flag("dev")),
      Overlay(key: "postgres.url", value: postgres.url, source: .flag("dev")),
    ]
  }

  func stop() async {
    await redis.close()
    await postgres.close()
  }
}
