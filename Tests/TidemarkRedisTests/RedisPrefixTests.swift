import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkTestKit

@Suite("Whose a prefix is")
struct RedisPrefixTests {
  private static let ours = PrefixClaim(installation: InstallationID("ours"), claim: "c1", schema: "one", partitions: 4)
  private static let other = PrefixClaim(installation: InstallationID("other"), claim: "c9", schema: "two", partitions: 2)

  private func withPrefix(_ body: (RedisServer, RedisPrefix) async throws -> Void) async throws {
    try await withRedis { server in
      let keyspace = RedisKeyspace(try RedisConfiguration(url: server.url), name: "test")
      try await body(server, RedisPrefix("p", in: keyspace))
      await keyspace.close()
    }
  }

  @Test func `a claim is written once, and over nothing that was not seen`() async throws {
    try await withPrefix { server, prefix in
      try await server.command("PING")
      #expect(try await prefix.claim(partitions: 4) == PrefixClaim())
      try #require(try await prefix.write(Self.ours, over: PrefixClaim()))
      #expect(try await server.command("HGET", "p:config", "installation") == "ours")
      #expect(try await prefix.claim(partitions: 4) == Self.ours)
      #expect(try await !prefix.write(Self.other, over: PrefixClaim()))
      #expect(try await prefix.claim(partitions: 4) == Self.ours)
    }
  }

  @Test func `where the claim is gone, an id beside marks tells whose the prefix is`() async throws {
    try await withPrefix { server, prefix in
      try await server.command("HSET", "p:{3}:lane", "installation", "other")
      #expect(try await prefix.claim(partitions: 4).installation == InstallationID("other"))
      try await server.command("DEL", "p:{3}:lane")
      try await server.command("HSET", "p:durable", "installation:", "other")
      #expect(try await prefix.claim(partitions: 4).installation == InstallationID("other"))
      // A stream may be called like this.
      try await server.command("DEL", "p:durable")
      try await server.command("HSET", "p:durable", "installation", "5-0")
      #expect(try await prefix.claim(partitions: 4).installation == nil)
    }
  }

  @Test func `who takes a prefix over takes the marks of all its lanes over`() async throws {
    try await withPrefix { server, prefix in
      #expect(try await prefix.write(Self.ours, over: PrefixClaim()))
      try await server.command("HSET", "p:{3}:lane", "installation", "ours", "durable", "7-0")
      try await server.command("HSET", "p:durable", "installation:", "ours", "orders", "7-0")
      try await server.command("HSET", "p:{1}:lane", "pressure", "ok")
      // The new number of partitions is the smaller one.
      #expect(try await prefix.write(Self.other, over: Self.ours))
      #expect(try await server.command("HGET", "p:{3}:lane", "installation") == "other")
      #expect(try await server.command("HGET", "p:durable", "installation:") == "other")
      #expect(try await server.command("HEXISTS", "p:{1}:lane", "installation") == "0")
      #expect(try await prefix.claim(partitions: 4) == Self.other)
    }
  }
}
