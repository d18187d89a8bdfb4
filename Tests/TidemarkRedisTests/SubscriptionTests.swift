import Synchronization
import Testing
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

@Suite("Subscribing to channels")
struct SubscriptionTests {
  private typealias Event = Result<RedisConnection.Message, RedisError>

  @Test("Messages of all channels come in order, and the end is told once")
  func inOrderUntilTheEnd() async throws {
    try await withRedis { server in
      let connection = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "listener")
      let events = Mutex<[Event]>([])
      try await connection.subscribe(to: ["a", "b"]) { event in events.withLock { $0.append(event) } }
      let speaker = try await RedisConnection.connect(RedisConfiguration(url: server.url), name: "speaker")
      let said = (0..<200).map { RedisConnection.Message(channel: $0 % 3 == 0 ? "a" : "b", payload: .bulk(Array("message \($0)".utf8))) }
      for reply in try await speaker.pipeline(said.map { ["PUBLISH", .text($0.channel), .text($0.payload.text ?? "")] }) {
        #expect(reply == .integer(1))
      }
      try await waitUntil("all are there") { events.withLock { $0.count } == said.count }
      #expect(try events.withLock { try $0.map { try $0.get() } } == said)
      await server.stop()
      try await waitUntil("the end is told") { events.withLock { $0.count } > said.count }
      await connection.close()
      #expect(events.withLock { $0.count } == said.count + 1)
      #expect(throws: RedisError.self) { try events.withLock { try $0[said.count].get() } }
    }
  }

  @Test("A channel that the user may not listen to is refused with the server's words")
  func refused() async throws {
    try await withRedis { server in
      _ = try await server.command("ACL", "SETUSER", "deaf", "on", ">secret", "+@all", "resetchannels")
      let url = server.url.replacing("redis://", with: "redis://deaf:secret@")
      let connection = try await RedisConnection.connect(RedisConfiguration(url: url), name: "listener")
      let error = await #expect(throws: RedisError.self) { try await connection.subscribe(to: ["a"]) { _ in } }
      #expect(error?.message.hasPrefix("NOPERM") == true)
      await connection.close()
    }
  }
}
