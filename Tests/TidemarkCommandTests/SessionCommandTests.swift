import Foundation
import Logging
import Testing
import TidemarkClient
import TidemarkPostgres
import TidemarkServers
import TidemarkTestKit

/// The way back, with the executable and real servers: restores, evictions, forks, histories, open calls and snapshots.
@Suite(.serialized) struct SessionCommandTests {
  private func withClient(
    _ settings: [String: String] = [:], _ body: (Product, TidemarkClient) async throws -> Void
  ) async throws {
    try await withProduct(settings) { product in
      let client = try TidemarkClient(url: product.redis.url, restoreTimeout: .seconds(120))
      do {
        try await body(product, client)
      } catch {
        await client.close()
        throw error
      }
      await client.close()
    }
  }

  /// Writes a session with something of everything and waits until it is durable. Returns its last entry.
  @discardableResult
  private func fill(_ session: Session) async throws -> Receipt {
    let receipts = try await session.append([
      .started(agent: "a", title: "T", meta: ["k": #"{"n": null}"#]), .message(role: "user", content: "hello", id: "m1"),
      .set("goal", #"{"x": 12345678901234567}"#, kind: "goal"),
      .callStarted("c1", tool: "search", arguments: #"{"q": 1}"#, idempotencyKey: "k1"),
    ])
    try await session.barrier(receipts[3], timeout: .seconds(120))
    return receipts[3]
  }

  /// Runs a command.
  private func tidemark(_ product: Product, _ arguments: String...) async throws -> TidemarkProcess.Outcome {
    try await TidemarkProcess.run(arguments, environment: product.environment)
  }

  @Test func whatRedisLostIsPutBackAndIsNumberedAnew() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      let last = try await fill(session)
      let before = try await session.load()
      try await product.redis.command("FLUSHALL")
      let dry = try await tidemark(product, "restore", "--all", "--dry-run", "--json")
      #expect(
        dry.standardOutput
          == "{\"restored\": 1, \"already_hot\": 0, \"changed_meanwhile\": 0, \"unknown\": 0, \"refused\": 0, \"plain\": 0, "
          + "\"dry_run\": true}\n")
      let restored = try await tidemark(product, "restore", "--all")
      #expect(restored.standardOutput == "1 restored, 0 already in Redis\n", "\(restored)")
      var state = try await session.load()
      #expect(state.epoch > last.epoch)
      #expect(state.seq == 0)
      #expect(state.context == ["goal": #"{"x": 12345678901234567}"#])
      #expect(state.kinds == before.kinds)
      #expect(state.title == "T")
      #expect(state.messages.map { $0["content"] } == ["hello"])
      #expect(state.openCalls.map { $0["idempotency_key"] } == ["k1"])
      let next = try await session.append(.message(role: "user", content: "again"), expecting: 0)
      // Once the worker has noticed the loss, a later epoch begins.
      #expect(next.seq == 1 && next.epoch >= state.epoch)
      try await session.barrier(next, timeout: .seconds(120))
      state = try await session.load()
      // A restore leaves what is newer in Redis.
      let again = try await tidemark(product, "restore", "--session", "s", "--session", "nobody")
      #expect(again.exitCode == 1)
      #expect(again.standardOutput == "0 restored, 1 already in Redis, 1 unknown to PostgreSQL\n")
      #expect(try await session.load() == state)
      let numbers = try await product.rows("select epoch, seq from tidemark.changes where session_id = 's' order by entry_ms, entry_no")
      #expect(Set(numbers).count == 5)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func nothingIsRestoredBeforeItsLaneIsCommitted() async throws {
    try await withClient { product, client in
      let session = client.session("s")
      let worker = try await product.startWorker()
      try await fill(session)
      #expect(try await worker.stop() == 0)
      try await session.append(.set("goal", "2"))
      try await product.redis.command("DEL", "tidemark:{0}:session:s")
      let early = try await tidemark(product, "restore", "--session", "s", "--wait", "0s")
      #expect(early.exitCode == 1)
      #expect(early.standardError.contains("are not committed yet"), "\(early.standardError)")
      #expect(try await product.redis.command("EXISTS", "tidemark:{0}:session:s") == "0")
      let next = try await product.startWorker()
      let outcome = try await tidemark(product, "restore", "--session", "s", "--wait", "120s")
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(try await session.load().context == ["goal": "2"])
      #expect(try await next.stop() == 0)
    }
  }

  /// The worker has read a change that it can't commit, and then Redis loses everything.
  @Test func whatAWorkerStillHoldsIsCommittedBeforeASessionComesBack() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      try await fill(session)
      let blocker = try PostgresConnection(
        configuration: PostgresConfiguration(url: product.postgres.url), logger: Logger(label: "test"))
      try await blocker.connect(deadline: .seconds(60))
      try await blocker.script("begin; lock table tidemark.context in access exclusive mode", deadline: .seconds(60))
      try await session.append(.set("goal", "2"))
      try await product.waitFor("1", "select count(*) from pg_locks where relation = 'tidemark.context'::regclass and not granted")
      try await product.redis.command("FLUSHALL")
      let early = try await tidemark(product, "restore", "--all", "--wait", "0s")
      #expect(early.exitCode == 1)
      #expect(early.standardError.contains("has not begun its next incarnation"), "\(early.standardError)")
      async let state = session.load()
      try await waitUntil("the worker is asked") { try await product.redis.command("EXISTS", "tidemark:{0}:requests") == "1" }
      try await blocker.script("rollback", deadline: .seconds(60))
      await blocker.close()
      #expect(try await state.context == ["goal": "2"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func sessionsOfPlainXADDAreRestoredOnlyByName() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      try await product.add(["type": "message.appended", "session": "plain", "role": "user", "content": "x"])
      try await fill(client.session("s"))
      try await product.redis.command("DEL", "tidemark:{0}:session:s")
      let outcome = try await tidemark(product, "restore", "--all")
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.standardOutput == "1 restored, 0 already in Redis, 1 written by plain XADD left out\n")
      #expect(try await product.redis.command("EXISTS", "tidemark:{0}:session:plain") == "0")
      let named = try await tidemark(product, "restore", "--session", "plain")
      #expect(named.standardOutput == "1 restored, 0 already in Redis\n", "\(named)")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aForkWhoseChangesBecameDeadLettersIsReported() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      try await fill(client.session("s"))
      _ = try await product.rows("alter table tidemark.messages add check (session_id <> 's2')")
      let outcome = try await tidemark(product, "fork", "--session", "s", "--as", "s2")
      #expect(outcome.exitCode == 1, "\(outcome)")
      #expect(outcome.standardError.contains("1 change of the fork s2 became a dead letter, the first"), "\(outcome.standardError)")
      #expect(outcome.standardError.contains("(constraint)"), "\(outcome.standardError)")
      #expect(outcome.standardOutput == "")
      #expect(try await worker.stop() == 0)
    }
  }

  /// A request that waits for commits delays no other session of its lane.
  @Test func anEvictedSessionComesBackWhileOthersOfItsLaneWait() async throws {
    try await withClient(["hot.evict_idle_after": "500ms"]) { product, client in
      let worker = try await product.startWorker()
      let (evicted, session) = (client.session("e"), client.session("s"))
      try await fill(evicted)
      try await waitUntil("the session is evicted") { try await product.redis.command("EXISTS", "tidemark:{0}:session:e") == "0" }
      try await fill(session)
      let blocker = try PostgresConnection(
        configuration: PostgresConfiguration(url: product.postgres.url), logger: Logger(label: "test"))
      try await blocker.connect(deadline: .seconds(60))
      try await blocker.script("begin; lock table tidemark.change_log in share mode", deadline: .seconds(60))
      try await session.append(.set("goal", "2"))
      try await product.waitFor("1", "select count(*) from pg_locks where relation = 'tidemark.change_log'::regclass and not granted")
      try await product.redis.command("DEL", "tidemark:{0}:session:s")
      async let state = session.load()
      try await waitUntil("the worker is asked") { try await product.redis.command("XLEN", "tidemark:{0}:requests") == "1" }
      #expect(try await evicted.load().title == "T")
      #expect(try await product.redis.command("XLEN", "tidemark:{0}:requests") == "1")
      try await blocker.script("rollback", deadline: .seconds(60))
      await blocker.close()
      #expect(try await state.context == ["goal": "2"])
      #expect(try await worker.stop() == 0)
    }
  }

  /// The worker may be alive, cut off from Postgres, and hold changes that it has read.
  @Test func aWorkerWhoseLeaseRanOutCommitsNothingAfterARestore() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      try await fill(client.session("s"))
      await worker.kill()
      try await product.waitFor("0", "select count(*) from tidemark.connected_workers")
      _ = try await product.rows("update tidemark.leases set expires_at = now() - interval '1 s'")
      let fence = try #require(Int64(try await product.value("select max(fence) from tidemark.lanes")))
      try await product.redis.command("FLUSHALL")
      let outcome = try await tidemark(product, "restore", "--all")
      #expect(outcome.standardOutput == "1 restored, 0 already in Redis\n", "\(outcome)")
      #expect(try await product.rows("select count(*) from tidemark.lanes where owner is not null or fence <= \(fence)") == ["0"])
      let next = try await product.startWorker()
      try await client.session("s").barrier(client.session("s").append(.set("goal", "2")), timeout: .seconds(120))
      #expect(try await next.stop() == 0)
    }
  }

  @Test func anIdleSessionLeavesRedisAndComesBackWithItsNumbers() async throws {
    try await withClient(["hot.evict_idle_after": "500ms"]) { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      let first = Change(type: "message.appended", fields: [("role", "user"), ("content", "once"), ("event_id", "e1")])
      try await session.append(.started(agent: "a"))
      let receipt = try await session.append(first)
      try await waitUntil("the session is evicted") { try await product.redis.command("EXISTS", "tidemark:{0}:session:s") == "0" }
      #expect(try await product.redis.command("KEYS", "tidemark:{0}:*:s") == "")
      // The repetition of a change is known although the session was away, and the next one follows.
      #expect(try await session.append(first) == receipt)
      let next = try await session.append(.set("k", "1"), expecting: 2)
      #expect(next.seq == 3 && next.epoch == receipt.epoch)
      #expect(try await session.load().messages.map { $0["content"] } == ["once"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSessionThatBeginsAnewGetsWhatPostgresKnowsOfIt() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      try await fill(session)
      try await product.redis.command("FLUSHALL")
      try await waitUntil("the worker noticed") { worker.standardError.contains("lane.replaced") }
      try await session.append(.started(title: "new"))
      let state = try await session.load()
      #expect(state.title == "new" && state.agent == "a")
      #expect(state.messages.count == 1 && state.context.count == 1 && state.seq <= 1)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSessionThatNobodyKnowsIsMadeForTheWriterThatAsksForIt() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let receipt = try await client.session("new").append(.message(role: "user", content: "first"))
      #expect(receipt.seq == 1)
      try await client.session("new").barrier(receipt, timeout: .seconds(120))
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func withoutAWorkerAColdSessionIsReported() async throws {
    try await withProduct { product in
      let client = try TidemarkClient(url: product.redis.url, restoreTimeout: .milliseconds(300))
      await #expect(throws: ClientError.self) { try await client.session("s").append(.set("k", "1")) }
      await client.close()
    }
  }

  @Test func aForkBeginsWithTheOthersStateAndLeavesItAlone() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      try await fill(session)
      let point = try await session.append(.message(role: "assistant", content: "answer"))
      let later = try await session.append([.set("goal", "9"), .removeMessage("m1")])
      try await session.barrier(later[1], timeout: .seconds(120))
      let before = try await session.load()
      let outcome = try await tidemark(product, "fork", "--session", "s", "--at", point.entry, "--as", "s2")
      #expect(outcome.standardOutput == "s2\n", "\(outcome)")
      let fork = try await client.session("s2").load()
      #expect(fork.parent == "s")
      #expect(fork.context == ["goal": #"{"x": 12345678901234567}"#])
      #expect(fork.messages.map { $0["content"] } == ["hello", "answer"])
      #expect(fork.openCalls == [])
      #expect(try await session.load() == before)
      #expect(
        try await product.value("select status from tidemark.tool_calls where session_id = 's2'") == "cancelled")
      let again = try await tidemark(product, "fork", "--session", "s", "--as", "s2")
      #expect(again.exitCode == 1 && again.standardError.contains("the session s2 exists"), "\(again)")
      let unknown = try await tidemark(product, "fork", "--session", "nobody")
      #expect(unknown.exitCode == 1 && unknown.standardError.contains("knows no session nobody"), "\(unknown)")
      // Agents, who have no access to Postgres, ask a worker.
      let asked = try await session.fork(as: "s3")
      #expect(try await asked.load().messages.map { $0["content"] } == ["answer"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSessionIsTakenBackToAnEarlierStateInBothStores() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      let session = client.session("s")
      let point = try await fill(session)
      let later = try await session.append([
        .set("goal", "9"), .removeMessage("m1"), .set("more", "1"), .updated(title: "U"), .callStarted("c2", tool: "pay"),
      ])
      try await session.barrier(later[4], timeout: .seconds(120))
      let refused = try await tidemark(product, "restore", "--session", "s", "--at", point.entry)
      #expect(refused.standardOutput == "0 restored, 1 already in Redis\n", "\(refused)")
      let outcome = try await tidemark(product, "restore", "--session", "s", "--at", point.entry, "--overwrite")
      #expect(outcome.standardOutput == "1 restored, 0 already in Redis\n", "\(outcome)")
      let state = try await session.load()
      #expect(state.context == ["goal": #"{"x": 12345678901234567}"#] && state.title == "T")
      #expect(state.messages.map { $0["content"] } == ["hello"])
      #expect(state.openCalls.map { $0["call_id"] } == ["c1"])
      try await product.waitUntilCaughtUp()
      #expect(
        try await product.value("select tidemark.state('s') -> 'context' = tidemark.state_at_entry('s', '\(point.entry)') -> 'context'")
          == "t")
      #expect(try await product.value("select string_agg(content, ',') from tidemark.messages where removed_at is null") == "hello")
      #expect(try await product.value("select count(*) from tidemark.context_history where key = 'goal'") == "3")
      let early = try await tidemark(product, "restore", "--session", "s", "--at", "2020-01-01T00:00:00Z", "--overwrite")
      #expect(early.exitCode == 1 && early.standardOutput.contains("1 unknown to PostgreSQL"), "\(early)")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func openCallsAreListedAndClosedInTheWayInWhichTheirSessionIsWritten() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      try await fill(client.session("s"))
      try await product.add(["type": "tool.started", "session": "plain", "call_id": "p1", "tool": "pay"])
      try await product.waitUntilCaughtUp()
      let listed = try await tidemark(product, "calls", "list", "--json")
      let calls = listed.standardOutput.split(separator: "\n")
      #expect(calls.count == 2)
      #expect(calls.first?.contains(#""call_id": "c1""#) == true && calls.first?.contains(#""arguments": {"q": 1}"#) == true, "\(listed)")
      #expect(try await tidemark(product, "calls", "list", "--older", "1h").standardError == "no open calls\n")
      let closed = try await tidemark(product, "calls", "close", "--all", "--because", "lost", "--wait", "120s")
      #expect(closed.exitCode == 0 && closed.standardError == "2 closed\n", "\(closed)")
      #expect(
        try await product.rows("select session_id, status, error from tidemark.tool_calls order by 1") == [
          "plain|cancelled|lost", "s|cancelled|lost",
        ])
      #expect(
        try await product.rows("select session_id, seq from tidemark.changes where type = 'tool.finished' order by 1") == ["plain|", "s|5"])
      #expect(try await client.session("s").load().openCalls == [])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aHistoryAndASnapshotAreThereForTheAsking() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      try await fill(client.session("s"))
      let text = try await tidemark(product, "history", "--session", "s")
      let types = text.standardOutput.split(separator: "\n").dropFirst().map { $0.split(separator: " ")[3] }
      #expect(types == ["session.started", "message.appended", "context.set", "tool.started"], "\(text)")
      let json = try await tidemark(product, "history", "--session", "s", "--json", "--limit", "2")
      #expect(json.standardOutput.split(separator: "\n").count == 2)
      #expect(json.standardOutput.contains(#""content": {"key": "goal", "kind": "goal", "value": {"x": 12345678901234567}}"#), "\(json)")
      let snapshot = try await tidemark(product, "snapshot", "--session", "s", "--reason", "before", "--wait", "120s")
      #expect(snapshot.exitCode == 0, "\(snapshot)")
      #expect(
        try await product.value("select reason, state #>> '{context,goal,value,x}' from tidemark.snapshots") == "before|12345678901234567")
      for command in [["history"], ["snapshot"]] {
        let unknown = try await TidemarkProcess.run(command + ["--session", "nobody"], environment: product.environment)
        #expect(unknown.exitCode == 1 && unknown.standardError.contains("knows no session nobody"), "\(unknown)")
      }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test(arguments: [
    ["restore"], ["restore", "--all", "--session", "s"], ["restore", "--all", "--user", "u"], ["restore", "--session", ""],
    ["restore", "--all", "--rate", "0"], ["restore", "--all", "--wait", "soon"], ["calls", "close"], ["calls", "close", "--call", "c"],
    ["calls", "close", "--all", "--session", "s"], ["fork"], ["fork", "--session", "s", "--as", "s"],
    ["fork", "--session", "s", "--at", "yesterday"], ["history"], ["history", "--session", "s", "--limit", "0"], ["snapshot"],
  ])
  func aWrongCommandLineIsRefusedBeforeAnyConnection(arguments: [String]) async throws {
    let outcome = try await TidemarkProcess.run(arguments, environment: ["TIDEMARK_REDIS_URL": "redis://127.0.0.1:1"])
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
  }
}
