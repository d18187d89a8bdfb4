import Foundation
import Testing
import TidemarkClient
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

/// Sessions that leave a Redis whose memory is short, with the executable and real servers.
@Suite(.serialized) struct SessionEvictionTests {
  private static let lanes = LaneCatalog(prefix: "tidemark", partitions: 2)

  /// Returns names of sessions of a partition.
  private static func sessions(of partition: Int, _ count: Int) -> [String] {
    let lane = lanes.partitionLanes[partition]
    return Array((0...).lazy.map { "s\($0)" }.filter { lanes.hotKeys(of: $0)?.partition.changes == lane }.prefix(count))
  }

  /// Makes a session look as if its last change had been so many seconds ago.
  private func age(_ session: String, by seconds: Int, _ product: Product) async throws {
    let key = try #require(Self.lanes.hotKeys(of: session)).session
    let id = try await product.redis.command("HGET", key, "entry_id")
    let ms = try #require(id.split(separator: "-").first.flatMap { Int($0) })
    try await product.redis.command("HSET", key, "entry_id", "\(ms - seconds * 1000)-0")
  }

  /// Returns those of these sessions that are in Redis.
  private func present(_ sessions: [String], _ product: Product) async throws -> [String] {
    let keys = Set(try await product.redis.command("KEYS", "tidemark:{*}:session:*").components(separatedBy: "\n"))
    return sessions.filter { keys.contains(Self.lanes.hotKeys(of: $0)?.session ?? "") }
  }

  @Test func whereMemoryIsShortTheOldestSessionsLeaveFirstAndNoneThatIsInUseOrNotDurable() async throws {
    try await withProduct(["state.partitions": "2", "hot.evict_idle_after": "1d", "trim.enabled": "false"]) { product in
      let worker = try await product.startWorker()
      let client = try TidemarkClient(url: product.redis.url)
      try await product.waitFor("2", "select count(*) from tidemark.lanes")
      // What is written to this partition never becomes durable.
      #expect(try await product.run("lanes", "pause", Self.lanes.partitionLanes[1]).exitCode == 0)
      try await waitUntil("the lane is paused") { worker.standardError.contains("lane.paused") }
      let open = Self.sessions(of: 1, 1)[0]
      let names = Self.sessions(of: 0, 101)
      let (used, idle) = (names[100], names.prefix(100).shuffled())
      var last: [String: Receipt] = [:]
      for name in names + [open] {
        let session = client.session(name)
        last[name] = try await session.append([.started(), .message(role: "user", content: String(repeating: "x", count: 30_000))]).last
      }
      for name in names { try await client.session(name).barrier(try #require(last[name]), timeout: .seconds(120)) }
      // The first one is the oldest.
      for (place, name) in idle.enumerated() { try await age(name, by: 3_600 - 10 * place, product) }
      try await age(open, by: 7_200, product)

      let memory = try await product.redis.command("INFO", "memory").split(whereSeparator: \.isNewline)
      let bytes = try #require(
        memory.first { $0.hasPrefix("used_memory:") }.flatMap { Int($0.dropFirst("used_memory:".count).filter(\.isNumber)) })
      try await product.redis.command("CONFIG", "SET", "maxmemory", "\(bytes * 100 / 83)")
      try await waitUntil("there is room again", within: .seconds(60)) {
        let pressure = try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure")
        return try await present(Array(idle), product).count < 100 && pressure == "ok"
      }
      let left = try await present(Array(idle), product)
      #expect(left == Array(idle.suffix(left.count)) && left.count > 10, "\(left.count) stay")
      #expect(try await present([used, open], product) == [used, open])
      try await product.waitFor("\(100 - left.count)", "select count(*) from tidemark.evicted_sessions")
      // It comes back when it is asked for.
      #expect(try await client.session(idle[0]).load().messages.count == 1)
      await client.close()
      #expect(try await worker.stop() == 0)
    }
  }
}
