import Testing
import TidemarkTestKit

struct ReplicatedRedisTests {
  @Test func sentinelsMakeAReplicaMasterAndWhatDidNotArriveIsLost() async throws {
    try await withReplicatedRedis { redis in
      let first = try await redis.master()
      #expect(first === redis.servers[0])
      #expect(Set(redis.sentinelPorts).count == 3)
      try await first.command("SET", "a", "1")
      #expect(try await first.command("WAIT", "2", "10000") == "2")
      try await redis.stopReplication()
      try await first.command("SET", "a", "2")

      let second = try await redis.failOver()

      #expect(second !== first && first.pid == nil)
      #expect(try await second.command("GET", "a") == "1")
      try await second.command("SET", "a", "3")
      try await redis.resumeReplication()
      #expect(try await second.command("WAIT", "1", "10000") == "1")
    }
  }
}
