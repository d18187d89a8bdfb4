import Testing
import TidemarkServers
import TidemarkTestKit

/// Entries and keys of one lane that could delay all other lanes, with the executable and real servers.
@Suite struct OddEntryTests {
  private static let lanes = (0..<2).map { "tidemark:{\($0)}:changes" }

  private func fields(_ count: Int) -> String { (0..<count).map { "f\($0) v" }.joined(separator: " ") }

  private func durable(_ product: Product, _ number: Int) async throws -> String {
    try await product.redis.command("HGET", "tidemark:{\(number)}:lane", "durable")
  }

  private func cursor(_ product: Product, _ number: Int) async throws -> String {
    try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes where lane = '\(Self.lanes[number])'")
  }

  @Test func anEntryOfAMillionFieldsIsADeadLetterAndStopsNoLane() async throws {
    try await withProduct(["state.partitions": "2", "trim.keep": "0s"]) { product in
      let large = try await product.redis.commands("XADD \(Self.lanes[0]) * type note session s \(fields(1_000_000))\n")
      let worker = try await product.startWorker()
      for round in 0..<5 { for lane in Self.lanes { try await product.addMessages(200, session: lane, from: 200 * round + 1, to: lane) } }
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.value("select count(*) from tidemark.messages") == "2000")
      #expect(
        try await product.rows(
          """
          select tidemark.entry_id(entry_ms, entry_no), reason, raw_complete, cardinality(raw),
            detail like '%1000002 fields, more than limits.max_fields (10000)%sha256 %' from tidemark.dead_letters
          """) == ["\(large)|entry_too_large|f|2000|t"])
      for number in 0..<2 {
        let last = try await cursor(product, number)
        try await waitUntil("all of lane \(number) is told") { try await durable(product, number) == last }
        try await waitUntil("lane \(number) is trimmed") { try await product.redis.command("XLEN", Self.lanes[number]) == "1" }
      }
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLargeEntryThatIsKeptStopsNoOtherLanesTrimming() async throws {
    try await withProduct(["state.partitions": "2", "trim.keep": "0s", "limits.max_fields": "1000000"]) { product in
      // A consumer group needs the entry, so it stays at the beginning of its lane.
      let lane = Self.lanes[0]
      try await product.redis.commands("XADD \(lane) * type note session s \(fields(200_000))\nXGROUP CREATE \(lane) slow 0\n")
      try await product.addMessages(20, session: "a", to: Self.lanes[0])
      try await product.addMessages(20, session: "b", to: Self.lanes[1])
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp(Self.lanes)
      try await waitUntil("the other lane is trimmed") { try await product.redis.command("XLEN", Self.lanes[1]) == "1" }
      #expect(try await product.redis.command("XLEN", Self.lanes[0]) == "21")
      let last = try await cursor(product, 0)
      try await waitUntil("its own is told") { try await durable(product, 0) == last }
      #expect(try await product.value("select count(*) from tidemark.dead_letters") == "0")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aKeyThatIsSomethingElseConcernsItsOwnLaneAlone() async throws {
    try await withProduct(["state.partitions": "3", "trim.keep": "0s"]) { product in
      let lanes = (0..<3).map { "tidemark:{\($0)}:changes" }
      // One lane's marks and another lane's stream have a wrong type; the stream is refused at the start.
      try await product.redis.command("SET", "tidemark:{0}:lane", "foo")
      let worker = try await product.startWorker()
      try await product.redis.command("SET", lanes[1], "foo")
      for lane in [lanes[0], lanes[2]] { try await product.addMessages(50, session: lane, to: lane) }
      try await product.waitUntilCaughtUp([lanes[0], lanes[2]])
      let last = try await product.value(
        "select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes where lane = '\(lanes[2])'")
      try await waitUntil("the good lane is told") { try await durable(product, 2) == last }
      try await waitUntil("it is trimmed") { try await product.redis.command("XLEN", lanes[2]) == "1" }
      try await waitUntil("its group stands at the cursor") { try await product.redis.command("XINFO", "GROUPS", lanes[2]).contains(last) }
      try await waitUntil("its agents are told how hard to write") {
        try await product.redis.command("HGET", "tidemark:{2}:lane", "pressure") == "ok"
      }
      // One log line for each names the lane; there are no further lines.
      for (purpose, lane) in [("publish", lanes[0]), ("inspect", lanes[1])] {
        try await waitUntil("\(lane) is named") {
          worker.standardError.split(separator: "\n").contains {
            $0.contains("lane.refused") && $0.contains(lane) && $0.contains("purpose=\(purpose)")
          }
        }
      }
      let lines = worker.standardError.split(separator: "\n").filter { $0.contains("lane.refused") }
      #expect(lines.count <= 4, "\(lines)")
      // Both lanes continue after the keys are gone.
      for key in ["tidemark:{0}:lane", lanes[1]] { try await product.redis.command("DEL", key) }
      try await product.addMessages(50, session: lanes[1], to: lanes[1])
      try await product.waitUntilCaughtUp(lanes)
      let first = try await product.value(
        "select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes where lane = '\(lanes[0])'")
      try await waitUntil("the mark comes") { try await durable(product, 0) == first }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLimitOfTheClientsOutputBufferIsReadBeneathAndNamed() async throws {
    try await withProduct(["state.partitions": "2"]) { product in
      try await product.redis.command("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 1mb 0")
      let text = String(repeating: "x", count: 200_000)
      for number in 0..<60 {
        let line = "XADD \(Self.lanes[number % 2]) * type message.appended session s role user content \(text)\n"
        try await product.redis.commands(line)
      }
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.value("select count(*) from tidemark.messages") == "60")
      try await waitUntil("the limit is named") {
        worker.standardError.contains("redis.reply_limit") && worker.standardError.contains("client-output-buffer-limit")
      }
      // A single entry above the limit halts only its lane, is logged, and is applied after the limit is raised.
      let huge = String(repeating: "y", count: 3_000_000)
      try await product.redis.commands("XADD \(Self.lanes[0]) * type message.appended session s role user content \(huge)\n")
      try await product.addMessages(100, session: "b", to: Self.lanes[1])
      try await product.waitFor("160", "select count(*) from tidemark.messages")
      try await product.waitFor(
        "t",
        "select state = 'halted' and last_error like '%client-output-buffer-limit%' from tidemark.lanes where lane = '\(Self.lanes[0])'")
      try await product.redis.command("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
      try await product.waitUntilCaughtUp(Self.lanes)
      #expect(try await product.value("select max(length(content)) from tidemark.messages") == "3000000")
      #expect(try await worker.stop() == 0)
    }
  }
}
