import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Streams lose entries, or are replaced, with the executable and real servers.
@Suite struct LossTests {
  private static let lane = Product.lane

  private func gaps(_ product: Product) async throws -> [String] {
    try await product.rows("select incarnation, coalesce(missing::text, 'unknown'), cause from tidemark.gaps order by id")
  }

  private func state(_ product: Product) async throws -> String {
    try await product.value("select incarnation, read_total, reread_total, missing_total, baseline, ordinal from tidemark.lanes")
  }

  /// Returns XADD lines for messages.
  private func messages(_ numbers: ClosedRange<Int>, id: (Int) -> String = { _ in "*" }) -> String {
    numbers.map { "XADD \(Self.lane) \(id($0)) type message.appended session s role user content \"message \($0)\" tokens \($0)\n" }
      .joined()
  }

  @Test func whatWasTrimmedAndDeletedWhileItWasStoppedIsCountedExactly() async throws {
    try await withProduct { product in
      let first = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      #expect(try await first.stop() == 0)
      try await product.redis.commands(messages(11...110, id: { "9000000000000-\($0)" }))
      try await product.redis.command("XTRIM", Self.lane, "MAXLEN", "30")
      try await product.redis.command("XDEL", Self.lane, "9000000000000-85", "9000000000000-110")
      let second = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select missing_total from tidemark.lanes") == "72")
      #expect(try await product.value("select sum(missing), count(*) filter (where missing is null) from tidemark.gaps") == "72|0")
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "38|38")
      #expect(try await product.discrepancies() == [])
      #expect(second.standardError.contains("lane.gap"))
      let metrics = try await product.value("select string_agg(distinct cause, ',' order by cause) from tidemark.gaps")
      #expect(metrics == "deleted" || metrics == "deleted,trimmed")
      #expect(try await second.stop() == 0)
    }
  }

  @Test func whatIsTrimmedAndDeletedUnderItsEyesIsCountedExactly() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      // Entries that were trimmed before the lane's start would count as its baseline.
      try await product.waitFor("1", "select count(*) from tidemark.lanes")
      var lost = 0
      for round in 0..<12 {
        let (from, kept) = (1 + round * 100, [40, 100, 0, 7][round % 4])
        // One step trims with MAXLEN and deletes one of the remaining entries with XDEL, so that no worker can read the removed entries.
        var script = "MULTI\n" + messages(from...from + 99, id: { "9000000000000-\($0)" }) + "XTRIM \(Self.lane) MAXLEN \(kept)\n"
        lost += 100 - kept
        if kept > 0, round % 3 != 0 {
          script += "XDEL \(Self.lane) 9000000000000-\(from + 99 - round % 2)\n"
          lost += 1
        }
        try await product.redis.commands(script + "EXEC\n")
        if round % 2 == 0 { try await product.waitUntilCaughtUp() }
      }
      try await product.waitUntilCaughtUp()
      // Entries that the worker had read before the trim are not missing.
      let missing = try #require(Int(try await product.value("select missing_total from tidemark.lanes")))
      let messages = try #require(Int(try await product.value("select count(distinct tokens) from tidemark.messages")))
      #expect(missing + messages == 1_200)
      #expect(missing >= lost)
      #expect(try await product.value("select sum(missing) from tidemark.gaps") == "\(missing)")
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aFlushIsRecordedAndWhatIsWrittenAfterwardsIsApplied() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(20)
      try await product.waitUntilCaughtUp()
      try await product.redis.command("FLUSHALL")
      try await product.waitFor("2", "select incarnation from tidemark.lanes")
      try await product.addMessages(15, from: 21)
      try await product.waitFor("15|15|0|15", "select read_total, applied_total, missing_total, ordinal from tidemark.lanes")
      #expect(try await gaps(product) == ["1|unknown|flushed"])
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "35|35")
      #expect(try await product.rows("select incarnation, read_total from tidemark.lane_incarnations") == ["1|20"])
      // The claim on the prefix was flushed, too.
      #expect(try await product.redis.command("HGET", "tidemark:config", "schema") == "tidemark")
      // Agents see the new incarnation and a mark of it.
      try await waitUntil("the mark is of the second incarnation") {
        let mark = try await product.redis.command("HMGET", "tidemark:{0}:lane", "incarnation", "durable")
        let last = try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
        return mark == "2\n\(last)"
      }
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func flushedAndMadeAnewUnderLoadEachIsRecordedAndAllThatIsWrittenAfterwardsIsApplied() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      var next = 1
      func write(_ rounds: Int) async throws {
        for _ in 0..<rounds {
          try await product.addMessages(100, from: next)
          next += 100
        }
      }
      try await write(10)
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      let disasters = ["FLUSHALL\n", "MULTI\nDEL \(Self.lane)\n" + messages(900_001...900_050) + "EXEC\n"]
      for (number, disaster) in disasters.enumerated() {
        try await write(10)
        try await product.redis.commands(disaster)
        let first = next
        try await write(20)
        try await product.waitFor("\(number + 2)", "select incarnation from tidemark.lanes")
        try await write(10)
        try await product.waitFor(
          "\(next - first)", "select count(distinct tokens) from tidemark.messages where tokens between \(first) and \(next - 1)")
        try await product.waitUntilCaughtUp()
        try await product.waitFor("t", "select mirrored from tidemark.lanes")
      }
      #expect(try await product.value("select count(*) from tidemark.messages where tokens > 900000") == "50")
      #expect(try await product.value("select count(*) - count(distinct tokens) from tidemark.messages") == "0")
      #expect(try await product.value("select count(*) from tidemark.gaps where missing is null") == "2")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aStreamThatIsMadeAnewAtOnceIsAnotherOneHoweverFarItGot() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(20)
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      // The new stream has more entries than were read of the old one.
      try await product.redis.commands("MULTI\nDEL \(Self.lane)\n" + messages(21...80) + "EXEC\n")
      try await product.waitFor("2|60", "select incarnation, read_total + reread_total from tidemark.lanes")
      #expect(try await gaps(product) == ["1|unknown|recreated"])
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "80|80")
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  /// Keeps a copy for a replica that is promoted without the last entries, or a restored snapshot.
  private func keepCopy(_ product: Product) async throws {
    try await product.redis.command("EVAL", "redis.call('SET', 'copy', redis.call('DUMP', KEYS[1]))", "1", Self.lane)
  }

  private func restoreCopy(_ product: Product) async throws {
    try await product.redis.command(
      "EVAL", "redis.call('RESTORE', KEYS[1], 0, redis.call('GET', 'copy'), 'REPLACE')", "1", Self.lane)
  }

  @Test(arguments: [true, false])
  func anOlderCopyOfTheStreamIsReadAgainWithoutEffectAndWhatIsNewIsApplied(isRunning: Bool) async throws {
    try await withProduct { product in
      var worker = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      try await keepCopy(product)
      try await product.addMessages(10, from: 11)
      try await product.waitUntilCaughtUp()
      if !isRunning { #expect(try await worker.stop() == 0) }
      try await restoreCopy(product)
      if !isRunning { worker = try await product.startWorker() }
      try await product.waitFor("2|10", "select incarnation, reread_total from tidemark.lanes")
      // Ids of forgotten entries are not reused.
      try await product.addMessages(5, from: 21)
      try await product.waitFor(
        "2|5|10|0|10|15", "select incarnation, read_total, reread_total, missing_total, baseline, ordinal from tidemark.lanes")
      #expect(try await gaps(product) == ["1|unknown|rewound"])
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "25|25")
      #expect(try await product.rows("select tokens from tidemark.messages order by entry_ms, entry_no") == (1...25).map(String.init))
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func anIDThatIsUsedAgainForAnotherContentIsADivergenceAndKept() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.redis.commands(messages(1...5, id: { "5000-\($0)" }))
      try await product.waitUntilCaughtUp()
      let other = messages(1...1, id: { _ in "5000-1" }) + messages(102...103, id: { "5000-\($0 - 100)" })
      try await product.redis.commands("MULTI\nDEL \(Self.lane)\n" + other + "EXEC\n")
      try await product.waitFor("2|2|1|2", "select incarnation, read_total, reread_total, divergent_total from tidemark.lanes")
      #expect(try await product.rows("select kind from tidemark.divergences") == ["content", "content"])
      #expect(
        try await product.rows("select reason, convert_from(raw[8], 'UTF8') from tidemark.dead_letters order by id")
          == ["id_reused|message 102", "id_reused|message 103"])
      #expect(try await product.rows("select tokens from tidemark.messages order by entry_no") == (1...5).map(String.init))
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func withTheOtherPoliciesALaneWaitsForAnOperatorOrBeginsAtTheEnd() async throws {
    try await withProduct { product in
      var worker = try await product.startWorker(settings: ["rewind": "halt"])
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      try await product.waitFor("t", "select mirrored from tidemark.lanes")
      try await product.redis.commands("MULTI\nDEL \(Self.lane)\n" + messages(11...14) + "EXEC\n")
      try await product.waitFor("halted|1|t", "select state, incarnation, hint like '%rewind%' from tidemark.lanes")
      #expect(try await gaps(product) == ["1|unknown|recreated"])
      #expect(try await worker.stop() == 0)
      worker = try await product.startWorker(settings: ["rewind": "halt"])
      try await product.waitFor("halted|1", "select state, incarnation from tidemark.lanes")
      #expect(try await gaps(product) == ["1|unknown|recreated"])
      #expect(try await worker.stop() == 0)
      // Entries of the new stream that were read before the replacement was noticed are applied; the rest is not.
      let before = try await product.value("select count(*) from tidemark.messages")
      worker = try await product.startWorker(settings: ["rewind": "reseed"])
      try await product.waitFor("2|4|4", "select incarnation, baseline, ordinal from tidemark.lanes")
      try await product.addMessages(3, from: 15)
      try await product.waitFor("3|7", "select read_total, ordinal from tidemark.lanes")
      #expect(try await product.value("select count(*) from tidemark.messages") == "\((Int(before) ?? 0) + 3)")
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }
}
