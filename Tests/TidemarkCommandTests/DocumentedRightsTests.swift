import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// The rights that ops/rights.md lists, and those that `migrate --roles` grants, are enough for what they are for.
@Suite(.serialized) struct DocumentedRightsTests {
  private static let page = "ops/rights.md"

  /// Gives users of Redis exactly the rights that the page lists for them.
  private func allow(_ user: String, in product: Product) async throws {
    let lines = try Documentation.lines("ACL SETUSER \(user) ", in: Self.page)
    #expect(!lines.isEmpty)
    for line in lines {
      try await product.redis.command(line.replacing("PASSWORD", with: "secret").split(separator: " ").map { String($0) })
    }
  }

  @Test func theRightsOfRedisAreEnoughForEveryCommand() async throws {
    try await withProduct(["state.partitions": "2"], isMigrated: false) { product in
      try await allow("tidemark", in: product)
      try await allow("agent", in: product)
      func url(_ user: String) -> String { "redis://\(user):secret@127.0.0.1:\(product.redis.port)/0" }
      var product = product
      product.settings["redis.url"] = url("tidemark")
      #expect(try await product.run("migrate").exitCode == 0)
      let worker = try await product.startWorker()
      let agents = try await product.run("agents", "--seconds", "1", settings: ["redis.url": url("agent")])
      #expect(agents.exitCode == 0, "\(agents.standardError)")
      try await product.add(["type": "context.set", "session": "s", "key": "k", "value": "{"], to: "tidemark:{0}:changes")
      try await product.waitUntilCaughtUp(["tidemark:{0}:changes", "tidemark:{1}:changes"])
      for arguments in [["check"], ["check", "--sample", "5"], ["status"], ["dead-letters", "list"], ["dead-letters", "discard", "1"]] {
        let outcome = try await TidemarkProcess.run(arguments, environment: product.environment)
        #expect(outcome.exitCode == 0, "\(arguments): \(outcome.standardOutput)\(outcome.standardError)")
        #expect(!outcome.standardOutput.contains("redis.acl: the user tidemark may not"), "\(outcome.standardOutput)")
      }
      let bench = try await product.run("bench", "--quick", "--only", "lag", "--rate", "100", "--seconds", "1")
      #expect(bench.exitCode == 0, "\(bench.standardError)")
      #expect(try await worker.stop() == 0)
      // No command was refused, not even an optional one.
      let refused = try await product.redis.command("ACL", "LOG")
      #expect(refused.isEmpty, "\(refused)")
    }
  }

  /// Checks for each rule of a worker that `check` reports it if it is missing, so that no rule is superfluous.
  @Test func eachRuleOfRedisIsNeeded() async throws {
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    try "lanes:\n  - streams: \"orders:*\"\n".write(toFile: file, atomically: false, encoding: .utf8)
    try await withProduct { product in
      let lines = try Documentation.lines("ACL SETUSER tidemark ", in: Self.page).filter { !$0.contains("tidemark_bench") }
      let rules = lines.flatMap { $0.split(separator: " ").dropFirst(3).map { String($0) } }
      #expect(rules.count > 30)
      let needed = rules.filter { $0.hasPrefix("+") || $0.hasPrefix("~") || $0.hasPrefix("&") }
      var product = product
      product.settings["redis.url"] = "redis://tidemark:secret@127.0.0.1:\(product.redis.port)/0"
      for left in [nil] + needed.map({ Optional($0) }) {
        let kept = (rules + ["~orders:*"]).filter { $0 != left }.map { $0.replacing("PASSWORD", with: "secret") }
        try await product.redis.command(["ACL", "SETUSER", "tidemark", "reset"] + kept)
        let check = try await product.run("check", "--config", file)
        let complaints = check.standardOutput.split(separator: "\n").filter { $0.contains("redis.acl: the user tidemark may not") }
        guard let left else {
          #expect(complaints.isEmpty, "\(check.standardOutput)")
          continue
        }
        #expect(
          complaints.contains { $0.contains("ACL SETUSER tidemark") && $0.contains(left) }, "without \(left): \(check.standardOutput)")
      }
    }
  }

  @Test func theRolesThatMigrateMakesAreEnoughForEachKindOfWork() async throws {
    try await withProduct(isMigrated: false) { product in
      let database = product.postgres.database
      let (worker, reader, eraser) = ("\(database)_worker", "\(database)_reader", "\(database)_eraser")
      let logins = ["owner", "operator", "analyst"].map { "\(database)_\($0)" }
      for login in logins { try await product.postgres.adminPsql("create role \"\(login)\" login") }
      for line in try Documentation.lines("GRANT CREATE ON DATABASE tidemark TO tidemark_owner", in: Self.page) + [
        "GRANT CONNECT ON DATABASE tidemark TO tidemark_owner"
      ] {
        try await product.postgres.adminPsql(
          line.replacing("tidemark_owner", with: "\"\(logins[0])\"").replacing("DATABASE tidemark ", with: "DATABASE \"\(database)\" "))
      }
      func url(_ login: String) -> [String: String] {
        ["postgres.url": product.postgres.url(database: database, role: "\(database)_\(login)")]
      }
      func migrate(_ arguments: String...) async throws -> TidemarkProcess.Outcome {
        try await TidemarkProcess.run(
          ["migrate", "--roles", "--worker-role", worker, "--reader-role", reader, "--eraser-role", eraser] + arguments,
          environment: product.environment(url("owner")))
      }

      // The administrator's statement is in the one line, and nothing was changed.
      let refused = try await migrate()
      #expect(refused.exitCode == 1 && refused.standardError.split(separator: "\n").count == 1, "\(refused.standardError)")
      #expect(refused.standardError.contains("may not create roles (it has no CREATEROLE) and does not own the database"))
      #expect(try await product.value("select to_regnamespace('tidemark') is null") == "t")
      let fix = try #require(refused.standardError.firstMatch(of: /an administrator run: (.+); then run `tidemark migrate --roles` again/))
        .1
      #expect(
        fix == """
          CREATE ROLE "\(worker)" NOLOGIN; CREATE ROLE "\(reader)" NOLOGIN; CREATE ROLE "\(eraser)" NOLOGIN; \
          GRANT CONNECT ON DATABASE "\(database)" TO "\(worker)"; GRANT CONNECT ON DATABASE "\(database)" TO "\(reader)"; \
          GRANT CONNECT ON DATABASE "\(database)" TO "\(eraser)"
          """)
      try await product.postgres.adminPsql(String(fix))

      let planned = try await migrate("--dry-run").standardOutput
      #expect(planned.contains("-- migration 1 ledger") && planned.contains("GRANT USAGE ON SCHEMA \"tidemark\" TO \"\(reader)\";"))
      #expect(try await product.value("select to_regnamespace('tidemark') is null") == "t")
      let done = try await migrate()
      #expect(done.exitCode == 0 && done.standardError.contains("GRANT \"\(worker)\" TO your_login;"), "\(done.standardError)")
      #expect(try await migrate("--dry-run").standardOutput == "")
      try await product.postgres.adminPsql("grant \"\(worker)\" to \"\(logins[1])\"; grant \"\(reader)\" to \"\(logins[2])\"")

      try await tryWork(product, settings: url("operator"))
      try await tryReading(product, settings: url("analyst"))
      try await tryForgetting(product, settings: url("operator")) {
        try await product.postgres.adminPsql("grant \"\(eraser)\" to \"\(logins[1])\"")
      }
      let bench = try await product.run("bench", "--quick", "--only", "lag", "--rate", "100", "--seconds", "1", settings: url("owner"))
      #expect(bench.exitCode == 0, "\(bench.standardError)")
      for role in [worker, reader, eraser] + logins.reversed() {
        try await product.postgres.adminPsql("drop owned by \"\(role)\" cascade; drop role \"\(role)\"")
      }
    }
  }

  /// Runs the functions of a worker and the commands of an operator.
  private func tryWork(_ product: Product, settings: [String: String]) async throws {
    let check = try await product.run("check", settings: settings)
    #expect(check.exitCode == 0, "\(check.standardOutput)")
    let worker = try await product.startWorker(settings: settings)
    let lines = Self.changes.map { "XADD \(Product.lane) * session s \($0)\n" }.joined()
    _ = try await product.redis.commands(lines)
    try await product.redis.command("XTRIM", Product.lane, "MAXLEN", "1")
    _ = try await product.redis.commands(lines)
    let added = try await product.entriesAdded([Product.lane])
    try await waitUntil("\(added) entries are in Postgres") {
      try await product.postgres.adminPsql("select sum(read_total + missing_total + baseline) from tidemark.lanes") == "\(added)"
    }
    #expect(!worker.standardError.contains("42501"), "\(worker.standardError)")
    for arguments in [
      ["dead-letters", "list"], ["dead-letters", "replay", "--reason", "bad_json"], ["dead-letters", "discard", "1"], ["status"],
      ["lanes", "pause", Product.lane], ["lanes", "resume", Product.lane], ["lanes", "retry", Product.lane], ["lanes", "list"],
      ["lanes", "ack", "--all"],
    ] {
      let outcome = try await TidemarkProcess.run(arguments, environment: product.environment(settings))
      #expect(!outcome.standardError.contains("postgres:"), "\(arguments): \(outcome.standardError)")
    }
    #expect(try await worker.stop() == 0)
  }

  /// Runs the queries of a role that only reads.
  private func tryReading(_ product: Product, settings: [String: String]) async throws {
    let status = try await product.run("status", settings: settings)
    #expect(status.exitCode == 0, "\(status.standardError)")
    let audit = try await product.run("audit", settings: settings)
    #expect(audit.exitCode == 0, "\(audit.standardOutput)\(audit.standardError)")
    let role = "set role \"\(product.postgres.database)_reader\"; "
    let read = "select tidemark.state('s') is not null; select count(*) > 0 from tidemark.transcript('s')"
    #expect(try await product.postgres.adminPsql(role + read).hasSuffix("t\nt"))
    for table in ["sessions", "messages", "changes", "dead_letters", "gaps", "checkpoints", "lanes", "snapshots", "divergences"] {
      _ = try await product.postgres.adminPsql(role + "select count(*) from tidemark.\(table)")
    }
    for refused in ["delete from tidemark.messages", "select count(*) from tidemark.event_ids", "select tidemark.leave('w')"] {
      await #expect(throws: (any Error).self) { try await product.postgres.adminPsql(role + refused) }
    }
  }

  /// Forgets as an operator, who may only once `grant` has run.
  private func tryForgetting(_ product: Product, settings: [String: String], grant: () async throws -> Void) async throws {
    let worker = try await product.startWorker(settings: settings)
    let refused = try await product.run("forget", "--session", "s", settings: settings)
    #expect(refused.exitCode == 1 && refused.standardError.contains("GRANT tidemark_eraser TO your_login"), "\(refused.standardError)")
    try await grant()
    let outcome = try await product.run("forget", "--session", "s", settings: settings)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    #expect(try await product.postgres.adminPsql("select count(*) from tidemark.messages") == "0")
    #expect(try await worker.stop() == 0)
  }

  /// Changes of every type, a duplicate and a dead letter.
  private static let changes = [
    "type session.started agent a", "type session.updated title t meta.k 1", "type message.appended role user content c message_id m",
    "type message.appended role user content d event_id e", "type message.appended role user content d event_id e",
    "type message.removed message_id m", "type context.set key k value 1", "type context.removed key k",
    "type tool.started call_id c tool t", "type tool.finished call_id c status ok", "type outcome.recorded label good",
    "type snapshot.requested reason r", "type messages.cleared", "type message.appended role user content e", "type another field f",
    "type context.set key k value {", "type session.ended",
  ]

  @Test func theFirstLinesWorkAsTheyStand() async throws {
    try await withProduct(["state.partitions": "16"]) { product in
      let worker = try await product.startWorker()
      let lines = try Documentation.lines("redis-cli -u ") + Documentation.lines("psql \"$TIDEMARK_POSTGRES_URL\"")
      #expect(lines.count == 2)
      func shell(_ line: String) async throws -> String {
        let variables = "export TIDEMARK_REDIS_URL='\(product.redis.url)' TIDEMARK_POSTGRES_URL='\(product.postgres.url)'; "
        return try await Program.find(["sh"], package: "dash").output(["-c", variables + line])
      }
      #expect(try await shell(lines[0]).contains("-"))
      try await waitUntil("the change is in Postgres") { try await shell(lines[1]).contains("Hello, Tidemark") }
      #expect(try await worker.stop() == 0)
    }
  }

  /// A Python that has the example's packages, from `TIDEMARK_TEST_PYTHON` or the system.
  private static let python: String? = {
    let path = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PYTHON"] ?? "/usr/bin/python3"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-c", "import redis, psycopg"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? path : nil
  }()

  @Test(.enabled(if: DocumentedRightsTests.python != nil, "needs a Python with redis and psycopg, as TIDEMARK_TEST_PYTHON or the system's"))
  func theExampleInPythonWaitsAndResumes() async throws {
    try await expectSteps { environment in
      try await TidemarkProcess.run(
        ["\(Documentation.root)/ops/examples/wait_and_resume.py"], environment: environment, path: Self.python)
    }
  }

  /// A Node.js that runs TypeScript, and the folder in which `npm install redis pg` was run, from `TIDEMARK_TEST_NODE` and
  /// `TIDEMARK_TEST_NODE_MODULES`.
  private static let node: (path: String, modules: String)? = {
    let environment = ProcessInfo.processInfo.environment
    guard let modules = environment["TIDEMARK_TEST_NODE_MODULES"] else { return nil }
    let path = environment["TIDEMARK_TEST_NODE"] ?? "/usr/bin/node"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.currentDirectoryURL = URL(fileURLWithPath: modules)
    process.arguments = ["-e", "require('redis'); require('pg'); process.exit(process.features.typescript ? 0 : 1)"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    process.waitUntilExit()
    return process.terminationStatus == 0 ? (path, modules) : nil
  }()

  @Test(
    .enabled(
      if: DocumentedRightsTests.node != nil,
      "needs Node.js 22.18 or later as TIDEMARK_TEST_NODE, and TIDEMARK_TEST_NODE_MODULES, a folder in which `npm install redis pg` was run"
    ))
  func theExampleInTypeScriptWaitsAndResumes() async throws {
    let node = try #require(Self.node)
    // Node.js looks for packages beside the script.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tidemark-example-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder)/node_modules", withDestinationPath: "\(node.modules)/node_modules")
    try FileManager.default.copyItem(atPath: "\(Documentation.root)/ops/examples/wait_and_resume.ts", toPath: "\(folder)/example.ts")
    try await expectSteps { environment in
      try await TidemarkProcess.run(["\(folder)/example.ts"], environment: environment, path: node.path)
    }
  }

  /// Runs an example three times against a worker; each run resumes where the previous one ended.
  private func expectSteps(_ run: ([String: String?]) async throws -> TidemarkProcess.Outcome) async throws {
    try await withProduct(["state.partitions": "16"]) { product in
      try await allow("agent", in: product)
      let worker = try await product.startWorker()
      let environment: [String: String?] = [
        "TIDEMARK_REDIS_URL": "redis://agent:secret@127.0.0.1:\(product.redis.port)/0", "TIDEMARK_POSTGRES_URL": product.postgres.url,
      ]
      for step in 1...3 {
        let outcome = try await run(environment)
        #expect(outcome.standardOutput == "step \(step): \(step - 1) messages so far\ndurable: yes\n", "\(outcome.standardError)")
      }
      #expect(try await worker.stop() == 0)
    }
  }
}
