import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Lanes beside the built-in ones, and a lane in trouble.
@Suite(.serialized) struct LaneTests {
  private func file(_ yaml: String) async throws -> String {
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    try yaml.write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }

  @Test func aPatternFindsStreamsThatAreCreatedWhileTheWorkerRuns() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker("--config", try await file("lanes:\n  - streams: \"agents:*:log\"\n"))
      try await product.redis.command("SET", "agents:text:log", "no stream")
      try await product.addMessages(5, to: "agents:1:log")
      try await product.waitUntilCaughtUp(["agents:1:log"])
      try await product.addMessages(5, from: 6, to: "agents:2:log")
      try await product.waitUntilCaughtUp(["agents:2:log"])
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "10|10")
      #expect(
        try await product.rows("select lane, applied_total, misrouted_total from tidemark.lanes where lane like 'agents%' order by 1") == [
          "agents:1:log|5|0", "agents:2:log|5|0",
        ])
      #expect(try await worker.stop() == 0)
    }
  }

  /// Returns the number of times that Redis ran a command.
  private func calls(_ command: String, _ product: Product) async throws -> Int {
    let lines = try await product.redis.command("INFO", "commandstats").split(whereSeparator: \.isNewline)
    let line = lines.first { $0.hasPrefix("cmdstat_\(command):calls=") }
    return line?.split(separator: "=").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
  }

  @Test func whatWasReadOfAStreamThatIsDeletedWhilePostgresIsAwayArrivesAndItsEndIsRecorded() async throws {
    try await withProduct(postgres: .init()) { product in
      let worker = try await product.startWorker("--config", try await file("lanes:\n  - streams: \"jobs:*\"\n"))
      try await product.addMessages(2, to: "jobs:1")
      try await product.waitUntilCaughtUp(["jobs:1"])
      try await product.postgres.stop(mode: .immediate)
      try await product.addMessages(100, from: 3, to: "jobs:1")
      let reads = try await calls("xread", product)
      try await waitUntil("all of it is read") { try await calls("xread", product) > reads + 8 }
      try await product.redis.command("DEL", "jobs:1")
      try await worker.waitForOutput("lane.replaced")
      try await product.postgres.start()
      try await product.waitFor("2|0|0", "select incarnation, ordinal, read_total from tidemark.lanes where lane = 'jobs:1'")
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "102|102")
      #expect(
        try await product.rows("select incarnation, coalesce(missing::text, 'unknown'), cause from tidemark.gaps") == ["1|unknown|flushed"])
      // Nothing is published for a stream that is gone.
      try await waitUntil("its mark is removed") { try await product.redis.command("HEXISTS", "tidemark:durable", "jobs:1") == "0" }
      // The stream is deleted again before it is inspected.
      try await product.addMessages(5, from: 103, to: "jobs:1")
      try await product.waitFor("5", "select read_total from tidemark.lanes where lane = 'jobs:1'")
      #expect(try await worker.stop() == 0)
      try await product.redis.command("DEL", "jobs:1")
      let next = try await product.startWorker("--config", try await file("lanes:\n  - streams: \"jobs:*\"\n"))
      try await product.waitFor("3|0", "select incarnation, ordinal from tidemark.lanes where lane = 'jobs:1'")
      #expect(try await product.value("select count(*) from tidemark.gaps") == "2")
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "107|107")
      #expect(try await next.stop() == 0)
    }
  }

  @Test func wherePartOfAStreamIsSkippedTheBaselineAccountsForIt() async throws {
    try await withProduct { product in
      for stream in ["all", "new", "some"] { try await product.addMessages(10, to: stream) }
      let entries = try await product.redis.command("XRANGE", "some", "-", "+", "COUNT", "4").components(separatedBy: "\n")
      let fourth = entries.filter { $0.contains("-") && $0.allSatisfy { $0.isNumber || $0 == "-" } }[3]
      // The entries were trimmed before Tidemark started: they are not in the stream, but Redis has counted them.
      try await product.redis.command("XTRIM", "all", "MAXLEN", "8")
      let worker = try await product.startWorker(
        "--config",
        try await file(
          """
          lanes:
            - { streams: all }
            - { streams: new, start: newest }
            - { streams: some, start: "\(fourth)" }

          """))
      try await product.waitFor("3", "select count(*) from tidemark.lanes where lane in ('all', 'new', 'some')")
      for stream in ["all", "new", "some"] { try await product.addMessages(3, from: 11, to: stream) }
      try await product.waitUntilCaughtUp(["all", "new", "some"])
      #expect(
        try await product.rows(
          "select lane, read_total, missing_total, baseline, ordinal from tidemark.lanes where lane <> '\(Product.lane)' order by 1") == [
            "all|11|0|2|13", "new|3|0|10|13", "some|9|0|4|13",
          ])
      #expect(try await product.discrepancies() == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLaneThatIsNoStreamAnyMoreHaltsAndTheOthersGoOn() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker("--config", try await file("lanes:\n  - streams: orders\n"))
      try await product.addMessages(5, to: "orders")
      try await product.addMessages(5, from: 6)
      try await product.waitUntilCaughtUp([Product.lane, "orders"])
      try await product.redis.commands("MULTI\nRENAME orders kept\nSET orders text\nEXEC\n")
      try await product.waitFor(
        "halted|t|t", "select state, last_error like '%WRONGTYPE%', hint <> '' from tidemark.lanes where lane = 'orders'")
      #expect(worker.standardError.contains("lane.refused"))
      try await product.addMessages(20, from: 11)
      try await product.waitUntilCaughtUp()
      #expect(
        try await product.value("select state <> 'halted', last_error is null from tidemark.lanes where lane = '\(Product.lane)'") == "t|t")

      // After the repair the lane resumes by itself.
      try await product.redis.commands("MULTI\nDEL orders\nRENAME kept orders\nEXEC\n")
      try await product.addMessages(5, from: 31, to: "orders")
      try await product.waitUntilCaughtUp(["orders"])
      try await product.waitFor("f|t", "select state = 'halted', last_error is null from tidemark.lanes where lane = 'orders'")
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "35|35")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRightThatIsRevokedHaltsTheLaneAndGrantedAgainItGoesOn() async throws {
    try await withProduct { product in
      let (port, name) = (product.postgres.port, product.postgres.database)
      try await product.postgres.adminPsql(
        "create role \"\(name)_worker\" login; grant connect on database \"\(name)\" to \"\(name)_worker\"")
      try await product.value(
        """
        grant usage on schema tidemark to "\(name)_worker";
        grant select, insert, update, delete on all tables in schema tidemark to "\(name)_worker";
        grant execute on all functions in schema tidemark to "\(name)_worker";
        """)
      let worker = try await product.startWorker(settings: ["postgres.url": "postgresql://\(name)_worker@127.0.0.1:\(port)/\(name)"])
      try await product.addMessages(5)
      try await product.waitUntilCaughtUp()
      try await product.value("revoke insert on tidemark.messages from \"\(name)_worker\"")
      try await product.addMessages(5, from: 6)
      try await product.waitFor("halted|t", "select state, hint <> '' from tidemark.lanes")
      #expect(try await product.value("select count(*) from tidemark.dead_letters") == "0")
      try await product.value("grant insert on tidemark.messages to \"\(name)_worker\"")
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "10|10")
      #expect(try await worker.stop() == 0)
      try await product.postgres.adminPsql("drop owned by \"\(name)_worker\"; drop role \"\(name)_worker\"")
    }
  }
}
