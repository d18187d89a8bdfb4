import Foundation
import Testing
import TidemarkRedis
import TidemarkTestKit

@Suite("Questions about the server")
struct RedisInspectorTests {
  @Test("Version, eviction, persistence and clock are told, without CONFIG too")
  func facts() async throws {
    let arguments = ["--maxmemory-policy", "allkeys-lru", "--rename-command", "CONFIG", ""]
    try await withRedis(.init(arguments: arguments, persistence: true)) { server in
      let connection = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "test")
      let inspector = RedisInspector(connection)
      try await inspector.ping()
      try await inspector.requireSupportedVersion()
      let version = try await inspector.serverVersion()
      #expect(version.split(separator: ".").count == 3)
      #expect(try await inspector.evictionPolicy() == "allkeys-lru")
      let persistence = try await inspector.persistence()
      #expect(persistence.appendOnly)
      #expect(persistence.lastAppendOnlyWriteSucceeded == true)
      #expect(!persistence.isLoading)
      let skew = try await inspector.clockSkewMilliseconds { Int64(Date().timeIntervalSince1970 * 1000) + 1_000_000 }
      #expect(abs(skew + 1_000_000) < 60_000)
      await connection.close()
    }
  }
}
