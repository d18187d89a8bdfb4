import Synchronization
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

@Suite("A Redis with Sentinels as a source of lanes")
struct SentinelSourceTests {
  @Test("A read from a master that only freezes ends when the Sentinels name another")
  func frozenMaster() async throws {
    try await withReplicatedRedis { redis in
      let hosts = redis.sentinelPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
      var configuration = try RedisConfiguration(url: "redis+sentinel://\(hosts)/\(redis.serviceName)")
      // Only the Sentinels' message can end the read.
      configuration.commandTimeout = .seconds(3600)
      let source = RedisLaneSource(configuration, lanes: LaneCatalog(prefix: "tidemark", partitions: 16))
      let following = Task { while true { try await source.rearranged() } }
      let old = try await redis.master()
      try await old.command("XADD", "lane", "1-1", "k", "v")
      #expect(try await source.inspect([ExpectedStream(asking: "lane")])[0].observed?.stream?.entriesAdded == 1)
      old.pause()
      let failure = Mutex<(any Error)?>(nil)
      let reading = Task {
        do {
          _ = try await source.read(.of("lane", block: .seconds(5)))
        } catch {
          failure.withLock { $0 = error }
        }
      }
      let new = try await redis.waitForMaster(otherThan: old)
      try await waitUntil("the read has ended") { failure.withLock { $0 } is SourceError }
      await reading.value
      try await new.command("XADD", "lane", "2-2", "k", "v")
      // Sentinels that learn of the failover one after the other may end the first attempts.
      try await waitUntil("the new master is read") { (try? await source.read(.of("lane")))?.block?.readable.last?.id == "2-2" }
      old.resume()
      following.cancel()
      await source.close()
    }
  }
}
