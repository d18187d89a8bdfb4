import Foundation
import Testing
import TidemarkRedis
import TidemarkServers
import TidemarkTestKit

/// The function library with the executable and real servers: it is installed, obeys the settings, and its changes reach Postgres.
@Suite(.serialized) struct FunctionTests {
  /// Calls a function for a session of the only lane, as `redis-cli FCALL` does. The arguments are separated by spaces.
  private func call(_ function: String, _ arguments: String, session: String = "s", _ product: Product) async throws -> String {
    let keys =
      ["changes", "lane"].map { "tidemark:{0}:\($0)" }
      + ["session", "context", "messages", "tools", "ids"].map { "tidemark:{0}:\($0):\(session)" }
    return try await product.redis.commands(
      "FCALL tidemark_\(function) 7 \(keys.joined(separator: " ")) \(session) \(arguments)\n")
  }

  @Test func migrateInstallsTheLibraryAndADryRunSaysWhere() async throws {
    try await withProduct(isMigrated: false) { product in
      let dry = try await product.run("migrate", "--dry-run")
      let library = "the function library tidemark, version \(FunctionLibrary.version),"
      #expect(dry.standardError.contains("\(library) would be installed on redis://127.0.0.1:"), "\(dry.standardError)")
      #expect(try await product.redis.command("FUNCTION", "LIST") == "")
      let first = try await product.run("migrate")
      #expect(first.exitCode == 0)
      #expect(first.standardError.contains("\(library) was installed on redis://127.0.0.1:"), "\(first.standardError)")
      #expect(try await product.redis.command("FCALL_RO", "tidemark_version", "0") == "\(FunctionLibrary.version)")
      for arguments in [["migrate"], ["migrate", "--dry-run"]] {
        let again = try await TidemarkProcess.run(arguments, environment: product.environment)
        #expect(again.standardError.contains("\(library) is up to date"), "\(again.standardError)")
      }
    }
  }

  @Test func aLibraryOfAnotherPrefixIsNotReplaced() async throws {
    try await withProduct(["redis.prefix": "my.app"]) { product in
      let other = try await product.run("migrate", settings: ["redis.prefix": "my_app", "postgres.schema": "other"])
      #expect(other.exitCode == 1)
      #expect(other.standardError.contains("redis.functions: my_app: the function library of that name belongs to the prefix my.app"))
      let again = try await product.run("migrate")
      #expect(again.exitCode == 0, "\(again.standardError)")
    }
  }

  @Test func aWorkerInstallsTheLibraryWhereItIsMissing() async throws {
    try await withProduct { product in
      try await product.redis.command("FUNCTION", "FLUSH")
      let worker = try await product.startWorker()
      try await waitUntil("the library is there", within: .seconds(60)) {
        (try? await product.redis.command("FCALL_RO", "tidemark_version", "0")) == "\(FunctionLibrary.version)"
      }
      try await worker.waitForOutput("functions.installed")
      // A server that took the place of the old one comes without functions.
      try await product.redis.command("FUNCTION", "FLUSH")
      try await waitUntil("the library is there again", within: .seconds(60)) {
        (try? await product.redis.command("FCALL_RO", "tidemark_version", "0")) == "\(FunctionLibrary.version)"
      }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aRedisThatRefusesFunctionsIsReplicated() async throws {
    try await withProduct { product in
      try await product.redis.command("FUNCTION", "FLUSH")
      try await product.redis.command("ACL", "SETUSER", "worker", "on", ">secret", "+@all", "-function", "-fcall_ro", "~*", "&*")
      let settings = ["redis.url": "redis://worker:secret@127.0.0.1:\(product.redis.port)/0"]
      let migrated = try await product.run("migrate", settings: settings)
      #expect(migrated.exitCode == 0)
      #expect(migrated.standardError.contains("redis.functions: the function library tidemark is not installed: NOPERM"))
      let check = try await product.run("check", settings: settings)
      #expect(check.exitCode == 0, "\(check.standardOutput)")
      #expect(check.standardOutput.contains("; ACL SETUSER worker +fcall_ro +function|list +function|load\n"), "\(check.standardOutput)")
      let worker = try await product.startWorker(settings: settings)
      try await product.addMessages(3)
      try await product.waitUntilCaughtUp()
      try await worker.waitForOutput("functions.missing")
      try await product.addMessages(3, from: 4)
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
      #expect(worker.standardError.components(separatedBy: "functions.missing").count == 2, "\(worker.standardError)")
    }
  }

  @Test func theChangesOfFunctionsArriveWithTheirNumbersAndDeadLettersAreKnownByTheirIds() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let started = try await call("append", "session.started - agent a", product).components(separatedBy: "\n")
      let bad = try await call("append", "context.set - key k value '\"\\u0000\"'", product).components(separatedBy: "\n")
      let good = try await call("append", "message.appended 2 role user content hello", product).components(separatedBy: "\n")
      #expect(started[0] == "1" && bad[0] == "2" && good[0] == "3")
      try await product.waitUntilCaughtUp()
      try await waitUntil("the mark is published") { try await call("durable", good[2], product) == "1" }
      #expect(try await call("durable", bad[2], product) == "-2")
      #expect(try await call("durable", started[2], product) == "1")
      #expect(
        try await product.rows("select type, seq, epoch from tidemark.changes order by no")
          == ["session.started|1|\(started[1])", "message.appended|3|\(started[1])"])
      #expect(try await product.redis.command("HGET", "tidemark:{0}:rejected", bad[2]) == "bad_json")
      let replay = try await product.run("dead-letters", "replay", "--reason", "bad_json", settings: ["text.unstorable": "replace"])
      #expect(replay.exitCode == 0, "\(replay.standardError)")
      #expect(try await product.redis.command("HKEYS", "tidemark:{0}:lane").contains("rejected:") == false)
      #expect(try await call("durable", bad[2], product) == "1")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func theLinesOfThePageWorkAsTheyStand() async throws {
    try await withProduct { product in
      let keys = try Documentation.lines("K='", in: "ops/functions.md")
      let calls = try Documentation.lines("redis-cli FCALL", in: "ops/functions.md")
      #expect(keys.count == 1 && calls.count == 6)
      var answers: [String] = []
      for call in calls {
        let line = call.replacing("redis-cli ", with: "redis-cli -p \(product.redis.port) ")
        answers.append(try await Program.find(["sh"], package: "dash").output(["-c", "\(keys[0]); \(line)"]))
      }
      #expect(answers[0].hasPrefix("1\n") && answers[1].hasPrefix("2\n") && answers[2].hasPrefix("3\n"))
      #expect(answers[3].contains("researcher") && answers[3].contains("\"content\":\"Hello\""))
      #expect(answers[4].hasPrefix("-1") && answers[5].hasPrefix("\(FunctionLibrary.version)"))
    }
  }

  @Test func theSettingsReachTheFunctions() async throws {
    let settings = [
      "hot.messages": "2", "limits.max_entry_bytes": "2KiB", "limits.max_fields": "20", "pressure.enforce": "true",
      "pressure.slow": "100ms",
      "pressure.stop": "200ms",
    ]
    try await withProduct(settings) { product in
      let worker = try await product.startWorker()
      _ = try await call("append", "session.started -", product)
      func setting(_ name: String) async throws -> String { try await product.redis.command("HGET", "tidemark:{0}:lane", name) }
      try await waitUntil("the settings are published") { try await setting("enforce") == "1" }
      // Nothing that follows would come about without them.
      try #require(await setting("hot_messages") == "2")
      #expect(try await setting("max_entry_bytes") == "2048")
      #expect(try await setting("max_fields") == "20")
      try await product.value("alter table tidemark.messages rename to elsewhere")
      try await product.addMessages(1, session: "other")
      try await waitUntil("changes are refused") { try await call("append", "x -", product).contains("BUSY stop") }
      try await product.value("alter table tidemark.elsewhere rename to messages")
      try await waitUntil("changes are taken again") { try await !call("append", "x -", product).contains("BUSY stop") }
      #expect(try await worker.stop() == 0)
      let relaxed = try await product.startWorker(settings: ["pressure.enforce": "false", "hot.messages": "5"])
      try await waitUntil("the settings have changed") { try await setting("hot_messages") == "5" }
      #expect(try await setting("enforce") == "")
      #expect(try await relaxed.stop() == 0)
    }
  }
}
