import Testing
import TidemarkTestKit

struct ReplicatedRedisTests {
  @Test func `sentinels promote a replica, and writes that did not arrive are lost`() async throws {
    try await withReplicatedRedis { redis in
      let first = try await redis.master()
      #expect(first === redis.servers[0])
      #expect(Set(redis.sentinelPorts).count == 3)
      // Both commands use one connection, because WAIT is about the writes of its own client.
      #expect(try await first.commands("SET a 1\nWAIT 2 60000\n") == "OK\n2")
      try await redis.stopReplication()
      try await first.command("SET", "a", "2")

      let second = try await redis.failOver()

      #expect(second !== first && first.pid == nil)
      #expect(try await second.command("GET", "a") == "1")
      try await redis.resumeReplication()
      #expect(try await second.commands("SET a 3\nWAIT 1 60000\n") == "OK\n1")
    }
  }
}
