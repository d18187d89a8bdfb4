import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Ids that producers set themselves: too large for Postgres, in microseconds, ahead of the clock.
@Suite struct OddIDTests {
  private static let lane = Product.lane

  /// Returns XADD lines for messages.
  private func messages(_ numbers: ClosedRange<Int>, id: (Int) -> String = { _ in "*" }) -> String {
    numbers.map { "XADD \(Self.lane) \(id($0)) type message.appended session s role user content \"message \($0)\" tokens \($0)\n" }
      .joined()
  }

  private func durable(_ product: Product) async throws -> String {
    try await product.redis.command("HGET", "tidemark:{0}:lane", "durable")
  }

  private func told(_ product: Product) async throws -> String {
    try await product.redis.command("HGET", "tidemark:{0}:lane", "pressure")
  }

  @Test func anIDThatPostgresCannotHoldIsADeadLetterAndTheLaneGoesOn() async throws {
    // Trimming would remove entries with times in 1970.
    try await withProduct(["dead_letters.halt_after": "10", "trim.enabled": "false"]) { product in
      var worker = try await product.startWorker()
      try await product.redis.commands(messages(1...5, id: { "5000-\($0)" }))
      // Only the sequence number is too large; the next millisecond is an ordinary one.
      try await product.redis.commands(messages(6...6, id: { _ in "5000-9223372036854775808" }) + messages(7...106, id: { "5001-\($0)" }))
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select applied_total, dead_letters_total from tidemark.lanes") == "105|1")
      // None of the following ids fits into bigint.
      try await product.redis.commands(messages(107...107, id: { _ in "18446744073709551000-1" }) + messages(108...406))
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select applied_total, dead_letters_total, last_error from tidemark.lanes") == "105|301|")
      #expect(
        try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes") == "18446744073709551000-300")
      try await waitUntil("its end is durable") { try await durable(product) == "18446744073709551000-300" }
      #expect(try await product.redis.command("HGET", "tidemark:{0}:rejected", "5000-9223372036854775808") == "invalid_field")
      #expect(
        try await product.rows(
          """
          select tidemark.entry_id(entry_ms, entry_no), reason, convert_from(raw[8], 'UTF8'), raw_complete
            from tidemark.dead_letters order by id limit 3
          """) == [
            "5000-9223372036854775808|invalid_field|message 6|t", "18446744073709551000-1|invalid_field|message 107|t",
            "18446744073709551000-2|invalid_field|message 108|t",
          ])
      // The next worker reads it from the ledger, and begins below such ids after the stream was recreated.
      #expect(try await worker.stop() == 0)
      worker = try await product.startWorker()
      try await product.redis.commands(messages(407...416))
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t|311", "select mirrored, dead_letters_total from tidemark.lanes")
      try await product.redis.command("DEL", Self.lane)
      try await product.waitFor("2", "select incarnation from tidemark.lanes")
      #expect(try await product.value("select furthest_ms, furthest_no from tidemark.lanes") == "5001|106")
      try await product.addMessages(20, from: 417)
      try await product.waitFor("20|20", "select read_total, applied_total from tidemark.lanes")
      let last = try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
      try await waitUntil("the mark of the next incarnation is told") { try await durable(product) == last }
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatWaitsIsSeenAndWhatIsOldIsTrimmedWhateverUnitItsIDsHave() async throws {
    let settings = ["pressure.slow": "1s", "pressure.stop": "3s", "lease.ttl": "5s", "trim.keep": "2s"]
    try await withProduct(settings) { product in
      let worker = try await product.startWorker()
      let microseconds = Int(Date().timeIntervalSince1970 * 1e6)
      try await product.redis.commands(messages(1...100, id: { "\(microseconds + $0)-0" }))
      try await product.waitUntilCaughtUp()
      try await waitUntil("only the cursor's entry is left") { try await product.redis.command("XLEN", Self.lane) == "1" }
      try await waitUntil("all is well") { try await told(product) == "ok" }
      try await product.value("alter table tidemark.messages rename to elsewhere")
      // Ids that Redis makes follow the explicit id.
      try await product.redis.commands(messages(101...110))
      try await waitUntil("agents are asked to stop") { try await told(product) == "stop" }
      try await product.value("alter table tidemark.elsewhere rename to messages")
      try await product.waitUntilCaughtUp()
      try await waitUntil("all is well again") { try await told(product) == "ok" }
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "110|110")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }
}
