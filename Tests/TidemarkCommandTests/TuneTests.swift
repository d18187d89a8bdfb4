import Foundation
import FoundationNetworking
import Testing
import TidemarkServers
import TidemarkTestKit

/// `tidemark tune` changes workers while they run.
@Suite(.serialized) struct TuneTests {
  private func tune(_ product: Product, _ arguments: String...) async throws -> TidemarkProcess.Outcome {
    try await TidemarkProcess.run(["tune"] + arguments, environment: product.environment)
  }

  /// Waits until a worker has logged that it applies this value.
  private func waitUntilApplied(_ setting: String, _ value: String, times: Int = 1, _ worker: TidemarkProcess) async throws {
    try await waitUntil("\(setting) is \(value)") { [worker] in
      worker.standardError.split(separator: "\n").count {
        $0.contains(" setting.tuned ") && $0.contains("setting=\(setting)") && $0.contains("to=\(value)")
      } >= times
    }
  }

  /// The most changes that one transaction committed, of those with at least this number.
  private func largestBatch(_ product: Product, from first: Int) async throws -> Int {
    let sql = """
      select coalesce(max(c), 0) from (
        select count(*) as c from tidemark.changes where no >= \(first) group by committed_at) as batches
      """
    return Int(try await product.value(sql)) ?? -1
  }

  @Test func aRunningWorkerAppliesAChangeShowsItKeepsItOverARestartAndTakesItBack() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let change = try await tune(product, "--why", "smaller batches", "batch.max_entries=7")
      #expect(change.exitCode == 0, "\(change.standardError)")
      #expect(change.standardOutput == "batch.max_entries: 5000 -> 7, with the next transaction\n")
      try await waitUntilApplied("batch.max_entries", "7", worker)
      try await product.addMessages(200)
      try await product.waitUntilCaughtUp()
      #expect(try await largestBatch(product, from: 1) == 7)

      let json = try await product.run("status", "--json")
      let object = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any]
      let setting = (object?["settings"] as? [String: [String: Any]])?["batch.max_entries"]
      #expect(setting?["value"] as? String == "7" && setting?["source"] as? String == "tune")
      #expect((setting?["tuned"] as? [String: Any])?["why"] as? String == "smaller batches")
      #expect(try await product.run("status").standardOutput.contains("tune by "))
      #expect(try await worker.stop() == 0)

      // The next worker serves with it from its first transaction.
      try await product.addMessages(100, from: 201)
      let next = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await largestBatch(product, from: 201) == 7)

      let undo = try await tune(product, "--undo")
      #expect(undo.standardOutput == "change 2 takes back change 1: batch.max_entries: 7 -> 5000, with the next transaction\n")
      try await waitUntilApplied("batch.max_entries", "5000", next)
      let history = try await tune(product, "--history")
      #expect(history.standardOutput.contains("smaller batches") && history.standardOutput.contains("takes back 1"))
      let nothing = try await tune(product, "--undo")
      #expect(nothing.exitCode == 1 && nothing.standardError == "tidemark: tune: there is no change to take back\n")
      #expect(try await next.stop() == 0)
    }
  }

  @Test func aReloadAndATunedValueKeepEachOther() async throws {
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    func write(_ yaml: String) throws { try yaml.write(toFile: file, atomically: false, encoding: .utf8) }
    try write("batch: { max_entries: 100 }\n")
    try await withProduct { product in
      let worker = try await product.startWorker("--config", file)
      #expect(try await tune(product, "batch.max_entries=9").exitCode == 0)
      try await waitUntilApplied("batch.max_entries", "9", worker)
      try write("batch: { max_entries: 200 }\nretry: { base: 20ms }\n")
      worker.signal(SIGHUP)
      try await worker.waitForOutput("configuration.reloaded")
      try await product.addMessages(100)
      try await product.waitUntilCaughtUp()
      #expect(try await largestBatch(product, from: 1) == 9)
      // What is tuned ends with what the file has by then.
      #expect(try await tune(product, "--reset", "batch.max_entries").exitCode == 0)
      try await waitUntilApplied("batch.max_entries", "200", worker)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func lanesOfAPatternHaveLimitsOfTheirOwn() async throws {
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    try "lanes: [{ streams: \"orders:*\" }]\n".write(toFile: file, atomically: false, encoding: .utf8)
    try await withProduct { product in
      #expect(try await tune(product, "--lane", "orders:*", "batch.max_entries=3").exitCode == 0)
      try await product.addMessages(40, to: "orders:eu")
      try await product.addMessages(40)
      let worker = try await product.startWorker("--config", file)
      try await product.waitUntilCaughtUp(["orders:eu", Product.lane])
      let largest = try await product.rows(
        """
        select lane, max(c) from (select lane, count(*) as c from tidemark.changes group by lane, committed_at) as b group by lane order by 1
        """)
      #expect(largest.first == "orders:eu|3")
      #expect(try await product.run("status").standardOutput.contains("batch.max_entries of orders:*"))
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func theLogLevelChangesWhileAWorkerRuns() async throws {
    try await withProduct(["log.level": "warning"]) { product in
      // Nothing of level info is said, so that another way must show that it runs.
      let worker = try await TidemarkProcess.start(["run", "--listen", "off"], environment: product.environment)
      try await product.addMessages(1)
      try await product.waitFor("1", "select count(*) from tidemark.messages")
      #expect(!worker.standardError.contains(" INFO "))
      #expect(try await tune(product, "log.level=debug").exitCode == 0)
      try await waitUntilApplied("log.level", "debug", worker)
      #expect(try await tune(product, "log.level=error").exitCode == 0)
      try await waitUntilApplied("log.level", "error", worker)
      #expect(try await worker.stop() == 0)
      #expect(!worker.standardError.contains("worker.stopped"))
    }
  }

  @Test func badValuesAreOneLineAndChangeNothing() async throws {
    try await withProduct { product in
      for (arguments, text) in [
        (["batch.max_entries=0"], "tune: batch.max_entries is 0, below 1; use 1 to 1000000"),
        (["batch.max_entry=1"], "tune: batch.max_entry is not a setting; did you mean batch.max_entries?"),
        (["batch.max_bytes=65MiB"], "lower batch.max_bytes or raise buffer.max_bytes"),
        (["postgres.writers=3"], "cannot be tuned while workers run; change the file and restart the workers"),
        (["--lane", "a", "retry.cap=3s"], "leave --lane out, or tune one of batch.max_entries, batch.max_bytes, batch.max_delay"),
        (["--lane", "a"], "--lane and --why need a setting"), (["batch.max_entries"], "is not key=value"),
        (["--reset", "batch.max_entries=1"], "--reset takes settings without values"), (["--undo", "--history"], "give one of"),
        (["--undo", "retry.cap=1s"], "goes with neither settings nor --lane"),
      ] {
        let outcome = try await TidemarkProcess.run(["tune"] + arguments, environment: product.environment)
        #expect(outcome.exitCode == 2 && outcome.standardOutput.isEmpty, "\(arguments)")
        #expect(outcome.standardError.contains(text), "\(arguments): \(outcome.standardError)")
        #expect(outcome.standardError.split(separator: "\n").count == 1, "\(arguments): \(outcome.standardError)")
      }
      #expect(try await product.value("select count(*) from tidemark.tuning_history") == "0")
      let list = try await tune(product)
      #expect(list.exitCode == 0 && list.standardOutput.contains("1 to 1000000"))
      #expect(list.standardOutput.contains("with the next transaction") && list.standardOutput.contains("at once"))
    }
  }

  @Test func aWorkerWhoseOwnFileMakesAValueImpossibleKeepsWhatRunsAndSaysSo() async throws {
    try await withProduct { product in
      let worker = try await TidemarkProcess.start(
        ["run", "--listen", "off"], environment: product.environment(["batch.max_bytes": "20MiB", "limits.max_entry_bytes": "1MiB"]))
      try await worker.waitForOutput("worker.started")
      // The command's own configuration has the default of 8 MiB, so that it finds nothing wrong.
      let change = try await product.run("tune", "buffer.max_bytes=10MiB", settings: ["limits.max_entry_bytes": "1MiB"])
      #expect(change.exitCode == 0, "\(change.standardError)")
      try await worker.waitForOutput("setting.refused")
      try await waitUntil("the status says so") {
        try await product.run("status").standardOutput.contains(
          "Worker 1 can't apply what was tuned: tune: batch.max_bytes (20MiB) is above")
      }
      #expect(try await product.run("tune", "--reset", settings: ["limits.max_entry_bytes": "1MiB"]).exitCode == 0)
      try await waitUntil("the status does not say so any more") {
        try await !product.run("status").standardOutput.contains("can't apply what was tuned")
      }
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aSuggestionNamesItsNumbersAndIsMadeOnlyWhenAskedFor() async throws {
    try await withProduct(["batch.max_entries": "10"]) { product in
      let early = try await tune(product, "--suggest")
      #expect(early.exitCode == 0 && early.standardOutput.hasPrefix("nothing to suggest: there were 0 transactions"), "\(early)")
      try await product.addMessages(400)
      let worker = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
      try await product.addMessages(100)
      let suggestion = try await tune(product, "--suggest")
      #expect(suggestion.standardOutput.hasPrefix("batch.max_entries=20: "), "\(suggestion)")
      #expect(suggestion.standardOutput.contains("and 100 entries wait"))
      #expect(try await product.value("select count(*) from tidemark.tuning_history") == "0")
      let applied = try await tune(product, "--suggest", "--apply")
      #expect(applied.standardOutput.contains("batch.max_entries: 10 -> 20, with the next transaction"), "\(applied)")
      #expect(try await product.value("select why like 'suggested: %100 entries wait%' from tidemark.tuning_history") == "t")
      #expect(try await tune(product, "--apply").exitCode == 2)
    }
  }

  @Test func theCommandsOfThePageWorkInTheirOrder() async throws {
    try await withProduct { product in
      let lines = try Documentation.lines("tidemark tune", in: "ops/tuning.md")
      #expect(lines.count == 7)
      for line in lines {
        let command = line.split(separator: "#")[0].split(separator: "\"", omittingEmptySubsequences: false).enumerated()
        let words = command.flatMap { index, part in index % 2 == 1 ? [String(part)] : part.split(separator: " ").map { String($0) } }
        let outcome = try await TidemarkProcess.run(Array(words.dropFirst()), environment: product.environment)
        #expect(outcome.exitCode == 0, "\(line): \(outcome.standardError)")
      }
      #expect(try await product.value("select count(*) from tidemark.tuning where value is not null") == "0")
    }
  }

  @Test func overHTTPAChangeNeedsTheTokenAndIsLogged() async throws {
    let folder = try await ScratchSpace.current().folder("token")
    let token = "0123456789abcdef0123456789abcdef"
    try token.write(toFile: "\(folder)/token", atomically: false, encoding: .utf8)
    try await withProduct(["http.token_file": "\(folder)/token"]) { product in
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(["run", "--listen", "127.0.0.1:\(port)"], environment: product.environment)
      try await worker.waitForOutput("worker.started")
      func send(_ method: String, _ body: String?, _ token: String?) async throws -> (Int, String) {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)/api/tune")))
        request.httpMethod = method
        request.httpBody = body.map { Data($0.utf8) }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
      }
      let order = #"{"set": {"batch.max_entries": 7}, "by": "ana", "why": "incident 12"}"#
      #expect(try await send("POST", order, nil).0 == 401)
      #expect(try await send("POST", order, token + "x").0 == 401)
      let (status, body) = try await send("POST", order, token)
      #expect(status == 200, "\(body)")
      try await waitUntilApplied("batch.max_entries", "7", worker)
      #expect(worker.standardError.contains("tune.received") && worker.standardError.contains("incident 12"))
      #expect(try await send("POST", #"{"set": {"batch.max_entries": 0}}"#, token).0 == 400)
      let listing = try await send("GET", nil, token)
      #expect(listing.0 == 200 && listing.1.contains("ana (http)"))
      #expect(try await worker.stop() == 0)
      #expect(!worker.standardError.contains(token))
    }
  }
}

/// Behind a pooler no notification may arrive, and changes are still followed.
@Suite(.serialized, .enabled(if: PgBouncer.isInstalled, "pgbouncer is not installed: ops/setup --tests installs it"))
struct TuneBehindPoolerTests {
  @Test func aWorkerBehindAPoolerFollowsChanges() async throws {
    try await withProduct { product in
      try await withPgBouncer(.session, before: product.postgres) { pooler in
        let worker = try await product.startWorker(settings: ["postgres.url": pooler.url])
        let change = try await product.run("tune", "batch.max_entries=7", settings: ["postgres.url": pooler.url])
        #expect(change.exitCode == 0, "\(change.standardError)")
        try await worker.waitForOutput("setting.tuned")
        try await product.addMessages(100)
        try await product.waitUntilCaughtUp()
        #expect(
          try await product.value("select max(c) from (select count(*) as c from tidemark.changes group by committed_at) as b") == "7")
        #expect(try await worker.stop() == 0)
      }
    }
  }
}
