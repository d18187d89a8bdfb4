import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// The entries that are removed from Redis, with the executable and real servers.
@Suite struct TrimTests {
  private static let lane = Product.lane

  private func ids(_ product: Product) async throws -> [String] {
    try await product.redis.command("XRANGE", Self.lane, "-", "+").components(separatedBy: "\n").filter {
      $0.contains("-") && $0.allSatisfy { $0.isNumber || $0 == "-" }
    }
  }

  private func cursor(_ product: Product) async throws -> String {
    try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
  }

  @Test func whatIsDurableGoesButTheCursorsOwnEntry() async throws {
    try await withProduct(["trim.keep": "0s"]) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(500)
      try await product.waitUntilCaughtUp()
      let cursor = try await cursor(product)
      try await waitUntil("only the cursor's entry is left") { try await ids(product) == [cursor] }
      // The trimmed entries don't count as lost, and later entries are read as usual.
      try await product.addMessages(10, from: 501)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "510|510")
      #expect(
        try await product.value("select missing_total, incarnation, (select count(*) from tidemark.gaps) from tidemark.lanes") == "0|1|0")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatIsNotCommittedStays() async throws {
    try await withProduct(["trim.keep": "0s"]) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(100)
      try await product.waitUntilCaughtUp()
      let cursor = try await cursor(product)
      try await product.value("alter table tidemark.messages rename to elsewhere")
      try await product.addMessages(50, from: 101)
      try await waitUntil("all before the cursor is gone") { try await ids(product).first == cursor }
      #expect(try await ids(product).count == 51)
      try await product.value("alter table tidemark.elsewhere rename to messages")
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "150|150")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func theKeptWindowStaysAndOtherGroupsAreWaitedFor() async throws {
    try await withProduct { product in
      // By default entries are kept for an hour.
      let first = try await product.startWorker()
      try await product.addMessages(20)
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      #expect(try await first.stop() == 0)
      #expect(try await ids(product).count == 20)

      try await product.redis.command("XGROUP", "CREATE", Self.lane, "reports", "0")
      try await product.redis.command("XREADGROUP", "GROUP", "reports", "me", "COUNT", "12", "STREAMS", Self.lane, ">")
      let all = try await ids(product)
      try await product.redis.command("XACK", Self.lane, "reports", all[0], all[1], all[3])
      let second = try await product.startWorker(settings: ["trim.keep": "0s"])
      try await waitUntil("what the group has acknowledged is gone") { try await ids(product) == Array(all[2...]) }
      try await product.redis.commands("XACK \(Self.lane) reports \(all[2..<12].joined(separator: " "))\n")
      try await waitUntil("what was not delivered stays") { try await ids(product) == Array(all[12...]) }
      // Cursors are mirrored for standard tools.
      try await waitUntil("the group stands at the cursor") {
        let groups = try await product.redis.command("XINFO", "GROUPS", Self.lane).components(separatedBy: "\n")
        guard let ours = groups.firstIndex(of: "tidemark") else { return false }
        return groups[ours...].contains(all[19])
      }
      try await product.redis.command("XGROUP", "DESTROY", Self.lane, "reports")
      try await waitUntil("only the cursor's entry is left") { try await ids(product) == [all[19]] }
      #expect(try await product.value("select count(*) from tidemark.gaps") == "0")
      #expect(try await second.stop() == 0)
    }
  }
}
