import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkRedis

/// What workers find of the sessions in Redis, with real servers.
@Suite("The search for sessions that may be evicted", .serialized)
struct HotSearchTests {
  private static let url = "redis+cluster://127.0.0.1:"

  private func withStore(_ url: String, partitions: Int, _ body: (RedisHotStore) async throws -> Void) async throws {
    let lanes = LaneCatalog(prefix: "tidemark", partitions: partitions)
    let store = RedisHotStore(try RedisConfiguration(url: url), lanes: lanes, name: "test")
    do {
      try await body(store)
    } catch {
      await store.close()
      throw error
    }
    await store.close()
  }

  @Test("A session is found with its last use, and is durable as far as the mark of its lane goes")
  func found() async throws {
    try await withRedis { server in
      func fill(_ commands: String...) async throws { _ = try await server.commands(commands.map { $0 + "\n" }.joined()) }
      try await fill(
        "HSET tidemark:{0}:session:a entry_id 1000-5", "HSET tidemark:{0}:session:b entry_id 2000-0 restored_at 9000",
        "HSET tidemark:{0}:session:c entry_id 3000-0 restored_at 7", "HSET tidemark:{0}:session:no-entry seq 1",
        "HSET tidemark:{1}:session:elsewhere entry_id 1-0", "SET tidemark:{0}:session:text x")
      try await withStore(server.url, partitions: 1) { store in
        func find() async throws -> [FoundSession] {
          let page = try await store.sessions(after: nil, count: 100)
          #expect(page.next == nil && page.now > 1_700_000_000_000)
          return page.sessions.sorted { $0.id < $1.id }
        }
        func session(_ id: String, _ usedAt: Int64, _ isDurable: Bool) -> FoundSession {
          FoundSession(id: id, lane: FunctionCalls.changes, usedAt: usedAt, isDurable: isDurable)
        }
        #expect(try await find() == [session("a", 1_000, false), session("b", 9_000, false), session("c", 3_000, false)])
        try await fill("HSET tidemark:{0}:lane durable 1000-4")
        #expect(try await find().map(\.isDurable) == [false, false, false])
        try await fill("HSET tidemark:{0}:lane durable 2000-0")
        #expect(try await find().map(\.isDurable) == [true, true, false])
      }
    }
  }

  @Test("The use of memory is known where there is a limit")
  func memory() async throws {
    try await withRedis { server in
      try await withStore(server.url, partitions: 1) { store in
        #expect(try await store.memoryShare(beside: "s") == nil)
        try await server.command("CONFIG", "SET", "maxmemory", "1gb")
        let share = try #require(try await store.memoryShare(beside: "s"))
        #expect(share > 0 && share < 0.1)
      }
    }
  }

  @Test("In a Cluster all sessions are found, one server after another, and each has its server's memory")
  func cluster() async throws {
    try await withRedisCluster { cluster in
      try await withStore(Self.url + "\(cluster.nodes[0].port)", partitions: 16) { store in
        var holders: [String: RedisServer] = [:]
        for number in 0..<200 {
          let key = try store.keys(of: "s\(number)").session
          let holder = try await cluster.master(of: try await cluster.slot(of: key))
          try await holder.command("HSET", key, "entry_id", "\(number)-1")
          holders["s\(number)"] = holder
        }
        var found: [String: Int] = [:]
        var place: HotPlace?
        repeat {
          let server = place?.server ?? 0
          let page = try await store.sessions(after: place, count: 20)
          for session in page.sessions { found[session.id] = server }
          place = page.next
        } while place != nil
        #expect(found.count == 200)
        let servers = Dictionary(grouping: found.keys) { holders[$0]?.port }
        #expect(servers.count == 3)
        #expect(servers.values.allSatisfy { Set($0.map { found[$0] }).count == 1 })
        let full = try #require(holders["s0"])
        try await full.command("CONFIG", "SET", "maxmemory", "1gb")
        for (session, holder) in holders.prefix(20) {
          #expect(try await (store.memoryShare(beside: session) != nil) == (holder.port == full.port))
        }
      }
    }
  }
}
