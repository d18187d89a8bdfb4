import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Postgres goes back on its timeline while workers run.
@Suite(.serialized) struct LedgerRewindTests {
  private func durable(_ product: Product) async throws -> String {
    try await product.redis.command("HGET", "tidemark:{0}:lane", "durable")
  }

  @Test func `after a snapshot of the disk is restored, what was durable is in Postgres again, on a quiet lane, too`() async throws {
    try await withProduct(postgres: .private) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(20)
      try await product.waitUntilCaughtUp()
      try await product.postgres.stop()
      try await product.postgres.keepCopy()
      try await product.postgres.start()
      try await product.addMessages(10, from: 21)
      try await product.waitUntilCaughtUp()
      let last = try await product.value("select entry_ms || '-' || entry_no from tidemark.lanes")
      try await waitUntil("the last entry is durable") { try await durable(product) == last }

      worker.signal(SIGSTOP)
      try await product.postgres.stop(mode: .immediate)
      try await product.postgres.restoreCopy()
      try await product.postgres.start()
      #expect(try await product.value("select count(*) from tidemark.messages") == "20")
      worker.signal(SIGCONT)
      // All writes have ended.
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct content) from tidemark.messages") == "30|30")
      try await waitUntil("the mark is where it was") { try await durable(product) == last }
      try await worker.waitForOutput("postgres.rewound")
      #expect(worker.standardError.split(separator: "\n").count { $0.contains("postgres.rewound") } == 1)
      #expect(worker.standardError.contains("(10 entries)"))
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
      #expect(try await worker.stop() == 0)
    }
  }
}
