import Foundation
import Testing
import TidemarkClient
import TidemarkServers
import TidemarkTestKit

/// The comparison of the state, with the executable and real servers: sessions in Redis with Postgres, and the tables with the audit trail.
@Suite(.serialized) struct StateReconcileTests {
  private static let waitLimit = Duration.seconds(120)

  private func withClient(
    _ settings: [String: String] = [:], _ body: (Product, TidemarkClient) async throws -> Void
  ) async throws {
    try await withProduct(settings) { product in
      let client = try TidemarkClient(url: product.redis.url, restoreTimeout: Self.waitLimit)
      do {
        try await body(product, client)
      } catch {
        await client.close()
        throw error
      }
      await client.close()
    }
  }

  /// Writes a session with something of everything, in ways that JSON can be written, and waits until it is durable.
  private func fill(_ session: Session) async throws {
    try await session.append([
      .started(agent: "a", title: "T", meta: ["k": #"{"n": null, "m":1.50}"#]), .message(role: "user", content: "one", id: "m1"),
      .message(role: "user", content: "two \u{1F600}", id: "m2"), .message(role: "user", content: "two again", id: "m2"),
      .set("goal", #"{"x":12345678901234567,"a":1e2}"#, kind: "goal"), .set("fact", #""\u00e9""#),
      .callStarted("c1", tool: "search", arguments: #"{"q": 1}"#, idempotencyKey: "k1"), .callStarted("c2", tool: "run", arguments: "[ ]"),
    ])
    let last = try await session.append(.set("fact", #""\u00e9""#))
    try await session.barrier(last, timeout: Self.waitLimit)
  }

  /// The lines of a command that found differences, each without its lane.
  private func differences(_ outcome: TidemarkProcess.Outcome) -> [String] {
    outcome.standardOutput.split(separator: "\n").map { line in
      line.split(separator: " ", omittingEmptySubsequences: true).dropFirst().joined(separator: " ")
    }
  }

  @Test func whatIsChangedInRedisIsNamedAndWrittenAgain() async throws {
    try await withClient { product, client in
      // Its own comparisons would record the differences, too.
      let worker = try await product.startWorker(settings: ["reconcile.interval": "1d"])
      let (session, other) = (client.session("s"), client.session("other"))
      try await fill(session)
      try await fill(other)
      let before = try await session.load()
      let clean = try await product.run("reconcile")
      #expect(clean.exitCode == 0 && clean.standardOutput == "", "\(clean)")
      for (command, found) in [
        (["HSET", "tidemark:{0}:session:s", "title", "changed"], "hot_different s title"),
        (["HSET", "tidemark:{0}:session:s", "meta.k", "{}"], "hot_different s meta"),
        (["DEL", "tidemark:{0}:context:s"], "hot_missing s context: not in Redis"),
        (["HSET", "tidemark:{0}:context:s", "goal", "1"], "hot_different s context"),
        (["DEL", "tidemark:{0}:messages:s"], "hot_missing s messages: not in Redis"),
        (["DEL", "tidemark:{0}:tools:s"], "hot_missing s open calls: not in Redis"),
      ] {
        try await product.redis.command(command)
        let dry = try await product.run("reconcile", "--dry-run")
        #expect(dry.exitCode == 1 && differences(dry) == [found], "\(dry)")
        let recorded = try await product.run("reconcile")
        #expect(recorded.exitCode == 1 && differences(recorded) == [found], "\(recorded)")
        let one = try await product.run("reconcile", "--session", "s", "--repair")
        #expect(one.exitCode == 0 && one.standardError.contains("1 repaired"), "\(one)")
        #expect(try await session.load() == before)
        #expect(try await product.run("reconcile").exitCode == 0)
      }
      #expect(
        try await product.rows("select distinct repair from tidemark.divergences") == ["written to Redis again from PostgreSQL"])
      // Whoever writes the session notices nothing.
      #expect(try await session.append(.set("goal", "2"), expecting: before.seq).seq == before.seq + 1)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whatIsChangedInTheTablesIsNamedAndFoldedAgainWhereItCanBe() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      try await fill(session)
      let state = try await product.value("select tidemark.state('s')")
      for (sql, found) in [
        ("update tidemark.sessions set title = 'changed'", "row_different s sessions.title: not what entry "),
        ("delete from tidemark.sessions", "row_missing s sessions: no row"),
        ("delete from tidemark.context where key = 'goal'", "row_missing s context: no row for the value of entry "),
        ("update tidemark.context set value = '1' where key = 'goal'", "row_different s context.value of entry "),
        (
          "insert into tidemark.context select session_id, 'added', kind, value, entry_ms, entry_no, lane_id, updated_at from tidemark.context limit 1",
          "row_unexpected s context: the row of entry "
        ),
        (
          "update tidemark.messages set removed_at = null, removed_ms = null, removed_no = null, removed_lane = null",
          "row_different s messages.removed_at of entry "
        ),
      ] {
        try await product.value(sql)
        let recorded = try await product.run("reconcile")
        #expect(recorded.exitCode == 1 && differences(recorded).contains { $0.hasPrefix(found) }, "\(sql): \(recorded)")
        let repaired = try await product.run("reconcile", "--repair")
        #expect(repaired.exitCode == 0, "\(sql): \(repaired)")
        #expect(try await product.value("select tidemark.state('s')") == state, "\(sql)")
      }
      try await product.value("delete from tidemark.messages where content = 'one'")
      let lost = try await product.run("reconcile", "--repair")
      #expect(lost.exitCode == 1 && differences(lost).contains { $0.hasPrefix("row_missing s messages: no row for entry ") }, "\(lost)")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func nothingIsReportedWhileAgentsWrite() async throws {
    try await withClient(["hot.messages": "5", "state.partitions": "2"]) { product, client in
      let worker = try await product.startWorker()
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for agent in 0..<4 {
          tasks.addTask {
            let session = client.session("agent-\(agent)")
            try await session.append(.started(title: "T"))
            for number in 0..<400 {
              try await session.append([
                .message(role: "user", content: "\(number)", id: "m\(number % 7)"), .set("k\(number % 5)", "\(number)"),
                .callStarted("c\(number % 3)", tool: "t"), number % 9 == 0 ? .removeLastMessage : .callFinished("c\(number % 3)"),
              ])
            }
          }
        }
        for _ in 0..<4 {
          let outcome = try await product.run("reconcile")
          #expect(outcome.exitCode == 0 && outcome.standardOutput == "", "\(outcome)")
        }
        try await tasks.waitForAll()
      }
      try await product.waitUntilCaughtUp(["tidemark:{0}:changes", "tidemark:{1}:changes"])
      let outcome = try await product.run("reconcile")
      #expect(outcome.exitCode == 0 && outcome.standardOutput == "", "\(outcome)")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aWorkerFindsAndRepairsByItself() async throws {
    try await withClient(["reconcile.repair": "all", "reconcile.interval": "1s"]) { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      try await fill(session)
      let before = try await session.load()
      try await product.redis.command("HSET", "tidemark:{0}:session:s", "title", "changed")
      try await product.value(
        "update tidemark.sessions set status = 'paused'; delete from tidemark.context; delete from tidemark.state_walks")
      // A worker that has just started walks over everything.
      #expect(try await worker.stop() == 0)
      let next = try await product.startWorker()
      let sql = """
        select string_agg(distinct kind, ',' order by kind) from tidemark.divergences where repaired_at is not null
        """
      try await product.waitFor("hot_different,row_different,row_missing", sql)
      #expect(try await session.load() == before)
      #expect(try await product.value("select count(*) from tidemark.context") == "2")
      #expect(next.standardError.contains("divergences.found"))
      #expect(try await next.stop() == 0)
    }
  }
}
