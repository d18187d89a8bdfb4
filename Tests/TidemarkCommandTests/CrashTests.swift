import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Whichever process dies, nothing is lost and nothing is stored twice.
@Suite(.serialized) struct CrashTests {
  private static let lanes = (0..<4).map { "tidemark:{\($0)}:changes" }

  /// Writes `count` changes in total, spread over the lanes, in portions.
  private func write(_ count: Int, _ product: Product) async throws {
    let portion = 100
    for start in stride(from: 0, to: count, by: portion) {
      let lines = (start + 1...start + portion).map { number in
        let lane = Self.lanes[number % Self.lanes.count]
        return number % 3 == 0
          ? "XADD \(lane) * type context.set session s-\(number % 40) key k-\(number % 7) value \(number) event_id e-\(number)"
          : "XADD \(lane) * type message.appended session s-\(number % 40) role user content \"message \(number)\" tokens \(number)"
      }
      _ = try await product.redis.commands(lines.joined(separator: "\n") + "\n")
    }
  }

  /// Checks that every written change is stored once, in the order of the streams.
  private func expectAll(_ count: Int, _ product: Product) async throws {
    #expect(try await product.value("select count(*) from tidemark.changes") == "\(count)")
    let messages = (1...count).count { $0 % 3 != 0 }
    #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "\(messages)|\(messages)")
    #expect(try await product.value("select count(*) from tidemark.context_history") == "\(count - messages)")
    #expect(try await product.disorders() == [])
    #expect(try await product.discrepancies() == [])
    #expect(try await product.value("select count(*) from tidemark.dead_letters") == "0")
    #expect(try await product.value("select count(*) from tidemark.divergences") == "0")
    #expect(
      try await product.value("select coalesce(sum(duplicates_total + divergent_total + reread_total), 0) from tidemark.lanes") == "0")
    // The current value of a key is its last one.
    #expect(
      try await product.value(
        """
        select count(*) from tidemark.context c join
          (select distinct on (session_id, key) session_id, key, value from tidemark.context_history
            order by session_id, key, entry_ms desc, entry_no desc) as h using (session_id, key)
         where c.value <> h.value
        """) == "0")
  }

  @Test func aWorkerThatIsKilledAgainAndAgainLosesAndRepeatsNothing() async throws {
    try await withProduct(["state.partitions": "4", "batch.max_entries": "200"]) { product in
      let count = 5_000
      let writing = Task { try await write(count, product) }
      for round in 1...5 {
        let worker = try await product.startWorker()
        // The crash happens after a random number of changes, so its moment differs between runs.
        let goal = round * 600 + Int.random(in: 0..<400)
        try await waitUntil("\(goal) changes") { Int(try await product.value("select count(*) from tidemark.changes")) ?? 0 >= goal }
        await worker.kill()
      }
      let worker = try await product.startWorker()
      try await writing.value
      try await product.waitUntilCaughtUp(Self.lanes)
      try await expectAll(count, product)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aPostgresThatCrashesUnderLoadMakesNoDeadLetter() async throws {
    try await withProduct(["state.partitions": "4"], postgres: .private) { product in
      let count = 4_000
      let worker = try await product.startWorker()
      let writing = Task { try await write(count, product) }
      for goal in [200, 1_000] {
        try await waitUntil("\(goal) changes") { Int(try await product.value("select count(*) from tidemark.changes")) ?? 0 >= goal }
        try await product.postgres.stop(mode: .immediate)
        try await waitUntil("it notices") {
          worker.standardError.contains("commit.retry") || worker.standardError.contains("postgres.unreachable")
        }
        try await product.postgres.start()
      }
      try await writing.value
      try await product.waitUntilCaughtUp(Self.lanes)
      try await expectAll(count, product)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRedisThatIsKilledAndComesBackIsReadOn() async throws {
    try await withProduct(redis: .init(arguments: ["--appendfsync", "always"], persistence: true)) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(200)
      try await product.waitUntilCaughtUp()
      await product.redis.kill()
      try await worker.waitForOutput("redis.unreadable")
      try await product.redis.start()
      try await product.addMessages(200, from: 201)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "400|400")
      #expect(try await product.disorders() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSecondWorkerTakesItsPartAndAllWhenTheFirstIsKilled() async throws {
    try await withProduct(["state.partitions": "4"]) { product in
      let count = 3_000
      let first = try await product.startWorker()
      try await product.waitFor("64", "select count(*) from tidemark.leases where worker is not null")
      let owner = try await product.value("select distinct worker from tidemark.leases")
      let second = try await product.startWorker()
      try await product.waitFor("2|2", "select count(*) filter (where owner = '\(owner)'), count(*) - 2 from tidemark.lanes")
      let writing = Task { try await write(count, product) }
      try await waitUntil("500 changes") { Int(try await product.value("select count(*) from tidemark.changes")) ?? 0 >= 500 }
      #expect(try await product.value("select count(*) from tidemark.workers") == "2")
      await first.kill()
      try await writing.value
      try await product.waitUntilCaughtUp(Self.lanes)
      try await expectAll(count, product)
      #expect(
        try await product.rows("select count(distinct owner), bool_or(owner = '\(owner)'), min(fence) >= 2 from tidemark.lanes") == [
          "1|f|t"
        ])
      #expect(try await second.stop() == 0)
    }
  }
}
