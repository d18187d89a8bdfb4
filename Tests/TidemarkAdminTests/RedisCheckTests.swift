import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin

@Suite struct RedisCheckTests {
  private func withCheck(_ body: (RedisCheck, RedisServer) async throws -> Void) async throws {
    try await withServers { servers in
      let check = RedisCheck(
        try RedisConfiguration(url: servers.redis.url), lanes: LaneCatalog(prefix: "tidemark", partitions: 2), isTrimming: true)
      try await servers.redis.command("XADD", "tidemark:{2}:changes", "*", "type", "x")
      try await servers.redis.command("CONFIG", "RESETSTAT")
      try await body(check, servers.redis)
    }
  }

  private func value(_ name: String, in info: String) -> String? {
    info.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
  }

  @Test func `one connection is enough for a look at a server`() async throws {
    try await withCheck { check, redis in
      #expect(await check.findings(namesUnreadStreams: true).allSatisfy { $0.severity != .problem })
      // There are two connections: the check's own, and the one that asks.
      let stats = try await redis.command("INFO", "stats")
      #expect(value("total_connections_received:", in: stats) == "2")
    }
  }

  @Test func `keys are gone through only where streams that no lane reads are to be named`() async throws {
    try await withCheck { check, redis in
      #expect(await !check.findings().contains { $0.text.contains("no lane reads") })
      let before = try await redis.command("INFO", "commandstats")
      // The trial of the right to SCAN is one step of it.
      #expect(value("cmdstat_scan:calls=", in: before)?.hasPrefix("1,") == true && value("cmdstat_eval", in: before) != nil)
      #expect(await check.findings(namesUnreadStreams: true).contains { $0.text.contains("tidemark:{2}:changes") })
      let after = try await redis.command("INFO", "commandstats")
      let steps = value("cmdstat_scan:calls=", in: after)?.split(separator: ",").first.flatMap { Int($0) }
      #expect((steps ?? 0) > 2)
    }
  }
}
