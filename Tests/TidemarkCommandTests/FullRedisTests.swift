import Testing
import TidemarkServers
import TidemarkTestKit

/// A Redis has reached `maxmemory` and evicts nothing, with the executable and real servers; only the worker can free memory.
@Suite struct FullRedisTests {
  private static let lane = Product.lane

  /// Sets `maxmemory` to half of the used memory.
  private func fill(_ redis: RedisServer) async throws {
    let used = try #require(
      try await redis.command("INFO", "memory").split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        .flatMap { Int($0.dropFirst("used_memory:".count)) })
    try await redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    try await redis.command("CONFIG", "SET", "maxmemory", "\(used / 2)")
  }

  private func isFull(_ redis: RedisServer) async throws -> Bool {
    try await redis.commands("XADD probe * k v\n").hasPrefix("OOM")
  }

  @Test func whatWaitsIsReadToldAndTrimmedUntilThereIsRoomAgain() async throws {
    try await withProduct(["trim.keep": "0s"]) { product in
      for part in 0..<20 { try await product.addMessages(5_000, from: part * 5_000 + 1) }
      try await fill(product.redis)
      #expect(try await isFull(product.redis))
      let worker = try await product.startWorker()
      try await waitUntil("agents are told to stop") {
        try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure") == "stop"
      }
      try await product.waitFor("100000|100000", "select count(*), count(distinct tokens) from tidemark.messages", within: .seconds(300))
      try await waitUntil("only the cursor's entry is left") { try await product.redis.command("XLEN", Self.lane) == "1" }
      let last = try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
      try await waitUntil("all of it is told to be durable") {
        try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == last
      }
      #expect(try await !isFull(product.redis))
      try await waitUntil("agents may write again") { try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure") == "ok" }
      #expect(try await product.value("select dead_letters_total, missing_total, incarnation from tidemark.lanes") == "0|0|1")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aDeadLetterIsToldToItsWriterAlsoWhenRedisIsFull() async throws {
    try await withProduct(["trim.enabled": "false"]) { product in
      let bad = try await product.add(["type": "message.appended", "session": "s"])
      // The server stays full, because nothing is trimmed.
      try await product.redis.command("CONFIG", "SET", "maxmemory", "1")
      let worker = try await product.startWorker()
      try await waitUntil("its outcome is told") {
        try await product.redis.command("HGET", "tidemark:{0}:rejected", bad) == "missing_field"
      }
      #expect(try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == bad)
      #expect(try await worker.stop() == 0)
    }
  }
}
