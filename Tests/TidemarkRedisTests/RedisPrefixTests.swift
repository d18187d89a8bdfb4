import Testing
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite("Whose a prefix is")
struct RedisPrefixTests {
  private static let first = PrefixClaim(installation: ours, claim: "c1", schema: "one", partitions: 4)
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
      try #require(try await prefix.write(Self.first, over: PrefixClaim()))
      #expect(try await server.command("HGET", "p:config", "installation") == "ours")
      #expect(try await prefix.claim(partitions: 4) == Self.first)
      #expect(try await !prefix.write(Self.other, over: PrefixClaim()))
      #expect(try await prefix.claim(partitions: 4) == Self.first)
    }
  }

  @Test func `where the claim is gone, an id beside marks tells whose the prefix is`() async throws {
    try await withPrefix { server, prefix in
      try await server.command("HSET", "p:{3}:lane", "installation", "other")
      #expect(try await prefix.claim(partitions: 4).installation == InstallationID("other"))
      try await server.command("DEL", "p:{3}:lane")
      try await server.command("HSET", "p:durable", "installation:", "other")
      #expect(try await prefix.claim(partitions: 4).installation == InstallationID("other"))
      // A stream may have this name.
      try await server.command("DEL", "p:durable")
      try await server.command("HSET", "p:durable", "installation", "5-0")
      #expect(try await prefix.claim(partitions: 4).installation == nil)
    }
  }

  @Test func `who takes a prefix over takes the marks of all its lanes over`() async throws {
    try await withPrefix { server, prefix in
      #expect(try await prefix.write(Self.first, over: PrefixClaim()))
      try await server.command("HSET", "p:{3}:lane", "installation", "ours", "durable", "7-0")
      try await server.command("HSET", "p:durable", "installation:", "ours", "orders", "7-0")
      try await server.command("HSET", "p:{1}:lane", "pressure", "ok")
      // The new number of partitions is smaller.
      #expect(try await prefix.write(Self.other, over: Self.first))
      #expect(try await server.command("HGET", "p:{3}:lane", "installation") == "other")
      #expect(try await server.command("HGET", "p:durable", "installation:") == "other")
      #expect(try await server.command("HEXISTS", "p:{1}:lane", "installation") == "0")
      #expect(try await prefix.claim(partitions: 4) == Self.other)
      // The previous installation did not know about the claim yet, and wrote its id again.
      try await server.command("HSET", "p:{1}:lane", "installation", "ours")
      try await prefix.relabel(InstallationID("other"), 2)
      #expect(try await server.command("HGET", "p:{1}:lane", "installation") == "other")
    }
  }

  @Test func `what is written to a lane is its installation's`() async throws {
    try await withSource { server, source in
      let other = InstallationID("other")
      for lane in ["tidemark:{3}:changes", "orders"] {
        for index in 1...5 { try await server.command("XADD", lane, "\(index)-0", "k", "v") }
        func mark(_ ms: UInt64, by installation: InstallationID) -> DurableMark {
          let rejected = lane == "orders" ? [] : [DurableMark.Rejection(id: EntryID(ms: 1, no: 0), reason: "bad_json")]
          return DurableMark(lane: lane, durable: EntryID(ms: ms, no: 0), incarnation: 1, rejected: rejected, installation: installation)
        }
        func cut(_ ms: UInt64, by installation: InstallationID) -> [TrimCut] {
          [TrimCut(lane: lane, below: EntryID(ms: ms, no: 0), installation: installation)]
        }
        func mirror(by installation: InstallationID) -> [LaneMirror] {
          [
            LaneMirror(
              LaneRecord(
                laneID: 1, name: lane, shard: 0, fence: 1, incarnation: 1,
                cursor: LaneCursor(position: EntryID(ms: 2, no: 0), appliedNo: 0), ordinal: 2, baseline: 0, owner: nil,
                installation: installation))
          ]
        }
        func isRefused(by installation: InstallationID) async throws {
          let told = try await source.publish([mark(5, by: installation)], over: nil)
          #expect(told.mapValues(\.kind) == [lane: .otherInstallation(lane)])
          let connection = try await source.survey([], on: .only).connection
          guard case .failure(let error)? = try await source.trim(cut(5, by: installation), over: connection).first else {
            return #expect(Bool(false), "it was trimmed")
          }
          #expect(error.kind == .otherInstallation(lane))
          #expect(try await source.mirror(mirror(by: installation), over: nil) == [])
          #expect(try await !source.raiseMinimumID(lane, to: EntryID(ms: 99, no: 0), for: installation))
          let pressed = try await source.publishPressure([LanePressure(lane: lane, level: .stop, installation: installation)], until: 7)
          #expect(pressed.mapValues(\.kind) == (lane == "orders" ? [:] : [lane: .otherInstallation(lane)]))
        }
        // A ledger without an installation writes nothing, even if Redis has no id.
        try await isRefused(by: .unknown)
        #expect(try await server.command("EXISTS", lane == "orders" ? "tidemark:durable" : "tidemark:{3}:lane") == "0")

        #expect(try await source.publish([mark(2, by: ours)], over: nil) == [:])
        let connection = try await source.survey([], on: .only).connection
        #expect(try await source.trim(cut(2, by: ours), over: connection) == [.success(1)])
        #expect(try await source.mirror(mirror(by: ours), over: nil) == [lane])
        try await isRefused(by: other)
        let hash = lane == "orders" ? "tidemark:durable" : "tidemark:{3}:lane"
        #expect(try await server.command("HGET", hash, lane == "orders" ? lane : "durable") == "2-0")
        #expect(try await server.command("XLEN", lane) == "4")
        #expect(try await server.command("XINFO", "GROUPS", lane).contains("2-0"))
        #expect(try await server.command("HLEN", "tidemark:{3}:rejected") == "1")
        try await isRefused(by: .unknown)
        #expect(try await source.raiseMinimumID(lane, to: EntryID(ms: 99, no: 0), for: ours))
      }
    }
  }
}
