import Testing
import TidemarkTestKit

/// Settings change between two runs of a worker, with the executable and real servers: stored rows stay, and no stream counts as replaced.
@Suite struct ChangedSettingTests {
  private static let lane = Product.lane

  /// Adds texts with a NUL, which `text.unstorable` replaces or rejects.
  private func addNotes(_ numbers: ClosedRange<Int>, to product: Product) async throws {
    let lines = numbers.map { "XADD \(Self.lane) * type note session s text \"a\\x00b \($0)\"\n" }
    try await product.redis.commands(lines.joined())
  }

  /// Runs `body` after a worker that replaces NULs has applied the texts, including the cursor's entry, and was stopped.
  private func withNotes(_ body: (Product) async throws -> Void) async throws {
    try await withProduct { product in
      let worker = try await product.startWorker(settings: ["text.unstorable": "replace"])
      try await addNotes(1...9, to: product)
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      #expect(try await worker.stop() == 0)
      #expect(try await product.value("select count(*) from tidemark.changes") == "9")
      try await body(product)
    }
  }

  @Test(arguments: ["reseed", "resume", "halt"])
  func aStricterRuleMakesTheCursorsEntryNoOtherOne(rewind: String) async throws {
    try await withNotes { product in
      try await product.addMessages(7)
      let worker = try await product.startWorker(settings: ["text.unstorable": "reject", "rewind": rewind])
      try await product.waitFor("7", "select count(*) from tidemark.messages")
      #expect(try await product.value("select incarnation, dead_letters_total, read_total from tidemark.lanes") == "1|0|16")
      #expect(try await product.value("select count(*) from tidemark.gaps") == "0")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatIsReadAgainUnderAStricterRuleIsNoDeadLetter() async throws {
    try await withNotes { product in
      try await addNotes(10...11, to: product)
      // Without its group the stream counts as replaced, and all of it is read again.
      try await product.redis.command("XGROUP", "DESTROY", Self.lane, "tidemark")
      let worker = try await product.startWorker(settings: ["text.unstorable": "reject"])
      try await product.waitFor("2|9|2", "select incarnation, reread_total, dead_letters_total from tidemark.lanes")
      #expect(try await product.value("select count(*) from tidemark.changes") == "9")
      // An entry that is neither stored nor acceptable becomes a dead letter as usual.
      #expect(try await product.value("select count(*), min(reason) from tidemark.dead_letters") == "2|unstorable_text")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLowerLimitOfAnEntryMakesNoDeadLetterOfWhatIsThere() async throws {
    try await withProduct { product in
      let first = try await product.startWorker()
      let long = String(repeating: "x", count: 20_000)
      try await product.add(["type": "message.appended", "session": "s", "role": "user", "content": long])
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      #expect(try await first.stop() == 0)
      try await product.redis.command("XGROUP", "DESTROY", Self.lane, "tidemark")
      let second = try await product.startWorker(settings: ["limits.max_entry_bytes": "10KiB"])
      try await product.waitFor("2|1|0", "select incarnation, reread_total, dead_letters_total from tidemark.lanes")
      #expect(try await product.value("select count(*), max(length(content)) from tidemark.messages") == "1|20000")
      #expect(try await second.stop() == 0)
    }
  }
}
