import Foundation
import TidemarkConfiguration
import TidemarkTestKit

/// The private Redis and Postgres of `dev`, in one folder; both end with this process, the data stay.
struct EmbeddedServers {
  let redis: RedisServer
  let postgres: PostgresServer

  /// Starts both, on the ports that the folder knows. Throws in one line where one can't be started.
  ///
  /// Redis listens on loopback, where agents of any language reach it, with a password of this run; Postgres only on a Unix socket in a
  /// folder that is closed to other users. Neither runs as root.
  static func start(in folder: String) async throws -> EmbeddedServers {
    var ports = DevPorts.read(in: folder)
    let redis = RedisServer(.init(directory: "\(folder)/redis", port: ports.redis, persistence: true, password: randomPassword()))
    let postgres = PostgresServer(
      .init(directory: "\(folder)/postgres", port: ports.postgres, persistent: true, listensOnLoopback: false))
    // First, since it refuses a folder in which another one runs.
    try await postgres.start()
    do {
      try DevPorts.requireFree(ports.redis, of: "Redis", in: folder)
      try await redis.start()
      ports.redis = redis.port
      ports.postgres = postgres.port
      try ports.write(in: folder)
    } catch {
      await redis.close()
      await postgres.close()
      throw error
    }
    return EmbeddedServers(redis: redis, postgres: postgres)
  }

  /// Letters and digits, to be pasted anywhere; 128 bits of the system's generator.
  private static func randomPassword() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// The password by itself: a user's own `redis.password` must not stand beside one in the URL.
  var overlays: [Overlay] {
    let settings = ["redis.url": "redis://127.0.0.1:\(redis.port)/0", "redis.password": redis.password ?? "", "postgres.url": postgres.url]
    return settings.map { Overlay(key: $0.key, value: $0.value, source: .command("dev")) }
  }

  func stop() async {
    await redis.close()
    await postgres.close()
  }
}
