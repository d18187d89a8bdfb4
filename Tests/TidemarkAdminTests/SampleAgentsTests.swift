import Testing
import TidemarkAdmin
import TidemarkCore
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite struct SampleAgentsTests {
  private static func agents(_ url: String, duration: Duration?) throws -> SampleAgents {
    SampleAgents(
      redis: try RedisConfiguration(url: url), lanes: BuiltInLanes(prefix: "tidemark", partitions: 1),
      load: .init(agents: 3, rate: 500, duration: duration, seed: 7))
  }

  @Test func `agents wait for a Redis that goes away, and write what it had not acknowledged`() async throws {
    try await withRedis { server in
      let agents = try Self.agents(server.url, duration: nil)
      try await withThrowingTaskGroup { tasks in
        tasks.addTask { try await agents.run() }
        for _ in 0..<2 {
          let before = agents.written
          try await waitUntil("they write") { agents.written > before }
          await server.kill()
          try await server.start()
        }
        let before = agents.written
        try await waitUntil("they write again") { agents.written > before + 100 }
        tasks.cancelAll()
      }
      // Each change has its own id, which identifies a repetition.
      let entry = try await server.command("XREVRANGE", "tidemark:{0}:changes", "+", "-", "COUNT", "1")
      #expect(entry.contains("event_id"))
    }
  }

  @Test func `agents don't wait for a Redis that never was there`() async throws {
    let agents = try Self.agents("redis://127.0.0.1:1/0", duration: .seconds(60))
    await #expect(throws: Finding.self) { try await agents.run() }
    #expect(agents.written == 0)
  }
}
