import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// The pressure that is published to agents, with the executable and real servers.
@Suite struct PressureTests {
  private func told(_ product: Product) async throws -> String {
    try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure")
  }

  @Test func agentsAreAskedToHoldBackWhilePostgresFallsBehindAndLetGoAfterwards() async throws {
    try await withProduct(["pressure.slow": "1s", "pressure.stop": "3s", "lease.ttl": "5s"]) { product in
      func now() async throws -> Int {
        try #require(Int(try await product.redis.command("TIME").components(separatedBy: "\n")[0])) * 1000
      }
      let start = try await now()
      let worker = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      try await waitUntil("all is well") { try await told(product) == "ok" }
      let until = try #require(Int(try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure_until")))
      #expect(until >= start + 5_000)
      #expect(until <= (try await now()) + 11_000)
      try await product.value("alter table tidemark.messages rename to elsewhere")
      try await product.addMessages(10, from: 11)
      try await waitUntil("agents are asked to slow down, or already to stop") { try await told(product) != "ok" }
      try await waitUntil("agents are asked to stop") { try await told(product) == "stop" }
      try await product.value("alter table tidemark.elsewhere rename to messages")
      try await product.waitUntilCaughtUp()
      try await waitUntil("all is well again") { try await told(product) == "ok" }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRedisThatIsNearlyFullAsksToStop() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      try await waitUntil("all is well") { try await told(product) == "ok" }
      let used = try await product.redis.command("INFO", "memory").split(whereSeparator: \.isNewline).first {
        $0.hasPrefix("used_memory:")
      }
      let bytes = try #require(used.flatMap { Int($0.dropFirst("used_memory:".count).filter(\.isNumber)) })
      try await product.redis.command("CONFIG", "SET", "maxmemory", "\(bytes * 10 / 9)")
      try await waitUntil("agents are asked to stop") { try await told(product) == "stop" }
      try await product.redis.command("CONFIG", "SET", "maxmemory", "\(bytes * 10)")
      try await waitUntil("all is well again") { try await told(product) == "ok" }
      #expect(try await worker.stop() == 0)
    }
  }
}
