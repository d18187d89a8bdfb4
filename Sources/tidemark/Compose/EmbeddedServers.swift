import Foundation
import TidemarkConfiguration
import TidemarkServers

/// The private Redis and Postgres of `dev`, in one folder. Both end with this process; the data stay.
struct EmbeddedServers {
  let redis: RedisServer
  let postgres: PostgresServer

  /// Starts both servers on the folder's stored ports. Throws an error of one line if one can't be started.
  ///
  /// Redis listens on loopback, where agents in any language reach it, and requires a password that is new for each run. Postgres has only
  /// a Unix socket, in a folder that is closed to other users. Neither server runs as root.
  static func start(in folder: String) async throws -> EmbeddedServers {
    var ports = DevPorts.read(in: folder)
    let redis = RedisServer(.init(directory: "\(folder)/redis", port: ports.redis, persistence: true, password: randomPassword()))
    let postgres = PostgresServer(
      .init(directory: "\(folder)/postgres", port: ports.postgres, persistent: true, listensOnLoopback: false))
    // Postgres starts first, because it refuses a folder that is in use by another run.
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

  /// Returns a password of letters and digits, which can be pasted anywhere, with 128 bits from the system's generator.
  private static func randomPassword() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// The settings that point to these servers. The password is a separate setting, because a URL with a password conflicts with a user's
  /// `redis.password`.
  var overlays: [Overlay] {
    let settings = ["redis.url": "redis://127.0.0.1:\(redis.port)/0", "redis.password": redis.password ?? "", "postgres.url": postgres.url]
    return settings.map { Overlay(key: $0.key, value: $0.value, source: .command("dev")) }
  }

  func stop() async {
    await redis.close()
    await postgres.close()
  }
}
