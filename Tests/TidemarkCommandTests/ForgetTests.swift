import Foundation
import Testing
import TidemarkClient
import TidemarkServers
import TidemarkTestKit

/// `tidemark forget`, with the executable and real servers.
@Suite(.serialized) struct ForgetTests {
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

  /// The texts that are looked for, one in each place that a change has.
  private static let secrets = [
    "SecretTitle", "SecretMeta", "SecretContent", "SecretPart", "secretkey", "SecretValue", "SecretArgument", "SecretResult", "SecretLabel",
    "SecretLetter",
  ]

  /// Writes a session with all of them.
  private func fill(_ session: Session, user: String, _ word: String = "Secret") async throws -> Receipt {
    let receipts = try await session.append([
      .started(agent: "a", user: user, title: "\(word)Title", meta: ["k": "\"\(word)Meta\""]),
      .message(role: "user", content: "\(word)Content", id: "m1"), .set("\(word.lowercased())key", "\"\(word)Value\""),
      .callStarted("c1", tool: "search", arguments: "{\"q\": \"\(word)Argument\"}"),
    ])
    return try #require(receipts.last)
  }

  /// Adds what the function library would not: another part, an unknown type, a duplicate, what is never stored, and a dead letter.
  private func addPlain(_ product: Product, session: String) async throws {
    try await product.add([
      "type": "message.appended", "session": session, "role": "assistant", "parts": "[\"SecretPart\"]", "event_id": "plain-\(session)",
    ])
    try await product.add([
      "type": "message.appended", "session": session, "role": "assistant", "parts": "[\"SecretPart\"]", "event_id": "plain-\(session)",
    ])
    try await product.add(["type": "noise", "session": session, "text": "SecretContent"])
    try await product.add(["type": "noise", "session": session, "text": "SecretContent", "ephemeral": "1"])
    try await product.add(["type": "tool.finished", "session": session, "call_id": "c1", "status": "ok", "result": "\"SecretResult\""])
    try await product.add(["type": "outcome.recorded", "session": session, "label": "SecretLabel"])
    try await product.add(["type": "context.set", "session": session, "key": "k", "value": "SecretLetter, which is no JSON"])
  }

  /// Returns where a text is found: in any row of any table, also as bytes, and in any key of Redis.
  private func places(of texts: [String], _ product: Product) async throws -> [String] {
    var found: [String] = []
    let tables = try await product.rows(
      "select c.relname from pg_class c where c.relnamespace = 'tidemark'::regnamespace and c.relkind = 'r' order by 1")
    #expect(tables.count > 25)
    let patterns = texts.flatMap { text in [text, text.utf8.map { String(format: "%02x", $0) }.joined()] }.joined(separator: "|")
    for table in tables {
      let count = try await product.value("select count(*) from tidemark.\(table) t where t::text ~ '\(patterns)'")
      if count != "0" { found.append("\(table): \(count)") }
    }
    for key in try await product.redis.command("--scan").split(whereSeparator: \.isNewline).map(String.init) {
      let command =
        switch try await product.redis.command("TYPE", key).trimmingCharacters(in: .whitespacesAndNewlines) {
        case "hash": ["HGETALL", key]
        case "list": ["LRANGE", key, "0", "-1"]
        case "stream": ["XRANGE", key, "-", "+"]
        case "string": ["GET", key]
        default: ["TYPE", key]
        }
      let text = key + "\n" + (try await product.redis.command(command))
      for secret in texts where text.contains(secret) { found.append("\(key): \(secret)") }
    }
    return found
  }

  @Test func aUserIsForgottenWhileItsAgentsGoOnWritingAndTheCommandIsKilled() async throws {
    try await withClient(["batch.max_entries": "50"]) { product, client in
      var worker = try await product.startWorker()
      for number in 0..<12 {
        _ = try await fill(client.session("s\(number)"), user: "ann")
        try await addPlain(product, session: "s\(number)")
      }
      let kept = try await fill(client.session("kept"), user: "bob", "Public")
      try await product.waitUntilCaughtUp()
      #expect(try await places(of: Self.secrets, product).count > 15)
      let before = try await product.value("select tidemark.state('kept')")

      // Its agents go on, through the functions and without.
      let writing = Task {
        var count = 0
        while !Task.isCancelled {
          count += 1
          try await product.addMessages(3, session: "s\(count % 12)", from: count)
          _ = try? await client.session("s\(count % 7)").append(.message(role: "user", content: "later \(count)"))
          _ = try await client.session("kept").append(.set("later", "\(count)"))
        }
      }
      let dry = try await product.run("forget", "--user", "ann", "--dry-run", "--json")
      #expect(dry.exitCode == 0 && dry.standardOutput.contains("\"sessions\": 12"), "\(dry)")
      #expect(try await product.value("select count(*) from tidemark.erasures") == "0")

      let arguments = ["forget", "--user", "ann", "--json", "--wait", "120s"]
      for table in ["forgotten_sessions", "erased_changes"] {
        let command = try await TidemarkProcess.start(arguments, environment: product.environment)
        try await waitUntil("it is at work") {
          try await product.value("select count(*) from tidemark.\(table)") != "0" || !command.isRunning
        }
        await command.kill()
      }
      // So is the worker.
      await worker.kill()
      worker = try await product.startWorker()
      let outcome = try await product.run("forget", "--user", "ann", "--json", "--wait", "120s")
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.standardOutput.contains("\"left\": {}"), "\(outcome.standardOutput)")
      writing.cancel()
      // Cancelled in the middle of a command, it throws.
      _ = try? await writing.value
      try await product.waitUntilCaughtUp()

      #expect(try await places(of: Self.secrets + ["ann"], product) == [])
      #expect(try await product.rows("select session_id from tidemark.sessions") == ["kept"])
      #expect(try await product.rows("select distinct session_id from tidemark.change_log") == ["kept"])
      #expect(try await product.value("select reason from tidemark.dead_letters group by 1") == "forgotten")
      #expect(try await product.value("select count(*) from tidemark.dead_letters where session_id is not null or raw <> '{}'") == "0")
      // Nobody else lost anything, and nothing looks lost.
      try await client.session("kept").barrier(kept, timeout: .seconds(120))
      #expect(try await product.value("select tidemark.state('kept') #>> '{session,title}'") == "PublicTitle")
      #expect(before.contains("PublicValue"))
      #expect(try await product.discrepancies() == [])
      #expect(try await product.value("select count(*) from tidemark.gaps") == "0")
      #expect(try await product.value("select max(incarnation) from tidemark.lanes") == "1")
      // The numbers of the audit trail and of the erased changes are gapless together.
      #expect(
        try await product.value(
          """
          select count(*) = max(no) and count(distinct no) = max(no) from (
            select no from tidemark.change_log union all select no from tidemark.erased_changes) n
          """) == "t")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSessionThatIsTheLastOfItsLaneIsForgottenAndTheLaneIsStillKnown() async throws {
    try await withClient { product, client in
      let worker = try await product.startWorker()
      _ = try await fill(client.session("s"), user: "ann")
      try await addPlain(product, session: "s")
      try await product.waitUntilCaughtUp()
      let outcome = try await product.run("forget", "--session", "s", "--json")
      #expect(outcome.exitCode == 0, "\(outcome)")
      for count in ["\"messages\": 2", "\"dead_letters\": 1", "\"entries\": 11", "\"hot_sessions\": 1", "\"change_log\": 8"] {
        #expect(outcome.standardOutput.contains(count), "\(count) in \(outcome.standardOutput)")
      }
      #expect(try await places(of: Self.secrets, product) == [])
      // The lane goes on, also with another worker: nothing was lost.
      #expect(try await worker.stop() == 0)
      let second = try await product.startWorker()
      try await product.addMessages(2, session: "other")
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.gaps") == "0")
      #expect(try await product.discrepancies() == [])

      // For agents it is cold; what they write is refused, and they learn it.
      let session = client.session("s")
      let receipt = try #require(try await session.append([.started(agent: "a", user: "ann")]).last)
      await #expect(throws: (any Error).self) { try await session.barrier(receipt, timeout: .seconds(120)) }
      #expect(
        try await product.redis.command(
          "FCALL_RO", "tidemark_durable", "7", "tidemark:{0}:changes", "tidemark:{0}:lane", "tidemark:{0}:session:s",
          "tidemark:{0}:context:s", "tidemark:{0}:messages:s", "tidemark:{0}:tools:s", "tidemark:{0}:ids:s", "s", receipt.entry) == "-2")
      #expect(try await second.stop() == 0)
    }
  }

  @Test func withoutAWorkerNothingIsErasedAndTheCommandSaysSo() async throws {
    try await withProduct { product in
      try await product.addMessages(1)
      let outcome = try await product.run("forget", "--session", "s", "--wait", "0s")
      #expect(outcome.exitCode == 1)
      #expect(outcome.standardError.contains("start a worker"), "\(outcome.standardError)")
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.messages") == "1")
      let second = try await product.run("forget", "--session", "s", settings: ["forget.refuse": "false"])
      #expect(second.exitCode == 0 && second.standardError.contains("went on with erasure 1"), "\(second)")
      #expect(try await product.value("select is_refused, finished_at is not null from tidemark.erasures") == "t|t")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func whereItIsNotRefusedAForgottenSessionBeginsAnew() async throws {
    try await withProduct(["forget.refuse": "false"]) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(3)
      try await product.waitUntilCaughtUp()
      #expect(try await product.run("forget", "--session", "s").exitCode == 0)
      #expect(try await product.value("select count(*) from tidemark.messages") == "0")
      try await product.addMessages(1, from: 9)
      try await product.waitUntilCaughtUp()
      #expect(try await product.rows("select content from tidemark.messages") == ["message 9"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test(arguments: [[], ["--session", "a", "--user", "b"], ["--user", ""], ["--session", String(repeating: "x", count: 257)]])
  func whatIsToBeForgottenMustBeSaid(arguments: [String]) async throws {
    let outcome = try await TidemarkProcess.run(["forget"] + arguments)
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
  }
}
