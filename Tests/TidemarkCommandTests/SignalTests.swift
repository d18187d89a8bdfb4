import Foundation
import FoundationNetworking
import Testing
import TidemarkServers
import TidemarkTestKit

/// A worker reacts to signals that stop or reload it.
@Suite(.serialized) struct SignalTests {
  @Test(arguments: [SIGTERM, SIGINT])
  func aWorkerThatIsToldToStopGivesItsLeasesBackAndLeavesTheRestToTheNext(signal: Int32) async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      let writing = Task {
        for batch in 0..<20 { try await product.addMessages(100, from: batch * 100 + 1) }
      }
      try await waitUntil("it is at work") { Int(try await product.value("select count(*) from tidemark.messages")) ?? 0 > 100 }
      worker.signal(signal)
      #expect(try await worker.waitForExit() == 0)
      #expect(worker.standardError.contains("worker.stopping"))
      #expect(worker.standardError.contains("worker.stopped"))
      #expect(try await product.rows("select count(worker), max(expires_at) from tidemark.leases") == ["0|-infinity"])
      #expect(try await product.rows("select owner, state from tidemark.lanes") == ["|unowned"])
      #expect(try await product.value("select count(*) from tidemark.workers") == "0")
      // The last published mark is the cursor in Postgres.
      let cursor = try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
      #expect(try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == cursor)
      try await writing.value

      let next = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "2000|2000")
      #expect(try await product.disorders() == [])
      #expect(try await next.stop() == 0)
    }
  }

  @Test func whatAWorkerHasReadIsCommittedBeforeItStops() async throws {
    try await withProduct { product in
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(["run", "--listen", "127.0.0.1:\(port)"], environment: product.environment)
      try await worker.waitForOutput("worker.started")
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()

      // No transaction can be committed while another session holds the audit trail.
      let holding = Task { [product] in
        try? await product.value("begin; lock table tidemark.change_log in exclusive mode; select pg_sleep(3600)")
      }
      try await product.waitFor(
        "1", "select count(*) from pg_locks where relation = 'tidemark.change_log'::regclass and mode = 'ExclusiveLock' and granted")
      try await product.addMessages(500, from: 11)
      // The last entry is larger than all others together, so the size of the buffer says that all of them are read.
      let large = 400_000
      try await product.add([
        "type": "message.appended", "session": "s", "role": "user", "content": String(repeating: "x", count: large), "tokens": "511",
      ])
      try await waitUntil("all entries are read") {
        let (data, _) = try await URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)/metrics")))
        let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("tidemark_buffer_bytes ") }
        return line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0 > Double(large)
      }
      worker.signal(SIGTERM)
      try await worker.waitForOutput("worker.stopping")
      #expect(try await product.value("select count(*) from tidemark.messages") == "10")
      try await product.postgres.adminPsql(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and query like '%pg_sleep(3600)%'
        """)
      _ = await holding.value
      #expect(try await worker.waitForExit() == 0)
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "511|511")
    }
  }

  @Test func aSecondSignalEndsADrainThatCanNotEnd() async throws {
    try await withProduct(postgres: .private) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitUntilCaughtUp()
      // Postgres no longer answers, and entries that were read wait for it.
      try product.postgres.pause()
      try await product.addMessages(500, from: 11)
      worker.signal(SIGTERM)
      try await worker.waitForOutput("worker.stopping")
      #expect(worker.isRunning)
      worker.signal(SIGTERM)
      #expect(try await worker.waitForExit(within: .seconds(5)) == 128 + SIGTERM)
      #expect(worker.standardError.contains("worker.stopped_at_once"))
      try product.postgres.resume()

      let next = try await product.startWorker()
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*), count(distinct tokens) from tidemark.messages") == "510|510")
      #expect(try await next.stop() == 0)
    }
  }

  @Test func aReloadTakesEffectAndAWrongFileChangesNothing() async throws {
    try await withProduct { product in
      let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
      func write(_ yaml: String) throws { try yaml.write(toFile: file, atomically: false, encoding: .utf8) }
      try write("batch: { max_entries: 100 }\n")
      let worker = try await product.startWorker("--config", file)

      try write("batch: { max_entries: 0 }\n")
      worker.signal(SIGHUP)
      try await worker.waitForOutput("configuration.refused")
      #expect(worker.standardError.contains("batch.max_entries is 0"))

      try write("batch: { max_entries: 7 }\npostgres: { writers: 5 }\nlanes:\n  - streams: orders\n")
      worker.signal(SIGHUP)
      try await worker.waitForOutput("configuration.reloaded")
      let said = worker.standardError.split(separator: "\n")
      #expect(said.contains { $0.contains("configuration.reloaded") && $0.contains("batch.max_entries") && $0.contains("lanes") })
      #expect(said.contains { $0.contains("configuration.needs_restart") && $0.contains("postgres.writers") })

      // The new lane is served, and no transaction is larger than the new limit.
      try await product.addMessages(50, to: "orders")
      try await product.addMessages(200)
      try await product.waitUntilCaughtUp([Product.lane, "orders"])
      #expect(try await product.value("select applied_total from tidemark.lanes where lane = 'orders'") == "50")
      let largest = "select max(n) from (select count(*) as n from tidemark.messages group by xmin) as t"
      #expect(Int(try await product.value(largest)) ?? 0 <= 7)
      try await waitUntil("the mark of the new lane") { try await !product.redis.command("HGET", "tidemark:durable", "orders").isEmpty }

      // A lane that is removed from the configuration is no longer read.
      try write("batch: { max_entries: 7 }\n")
      worker.signal(SIGHUP)
      try await waitUntil("the second reload") {
        worker.standardError.split(separator: "\n").filter { $0.contains("configuration.reloaded") }.count == 2
      }
      #expect(worker.isRunning)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aReloadKeepsWhatTakesARestartSaysSoAndShowsWhatIsInForce() async throws {
    try await withProduct { product in
      let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
      func write(_ yaml: String) throws { try yaml.write(toFile: file, atomically: false, encoding: .utf8) }
      try write("limits: { max_entry_bytes: 1MiB }\nretry: { base: 20ms }\n")
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(
        ["run", "--listen", "127.0.0.1:\(port)", "--config", file], environment: product.environment)
      try await worker.waitForOutput("worker.started")

      try write("limits: { max_entry_bytes: 1KiB }\ndead_letters: { halt_after: 2 }\nretry: { base: 30ms }\n")
      for _ in 0..<2 {
        let before = worker.standardError.split(separator: "\n").filter { $0.contains("configuration.reloaded") }.count
        worker.signal(SIGHUP)
        try await waitUntil("a reload") {
          worker.standardError.split(separator: "\n").filter { $0.contains("configuration.reloaded") }.count > before
        }
      }
      // Each reload logs the setting again, in one line.
      let warnings = worker.standardError.split(separator: "\n").filter { $0.contains("configuration.needs_restart") }
      #expect(warnings.count == 2)
      for warning in warnings {
        #expect(warning.contains("dead_letters.halt_after,limits.max_entry_bytes") && warning.contains("restart the worker"))
      }

      let (report, _) = try await URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)/api/status")))
      let object = try JSONSerialization.jsonObject(with: report) as? [String: Any]
      let settings = object?["settings"] as? [String: [String: Any]] ?? [:]
      let shown = ["limits.max_entry_bytes", "dead_letters.halt_after", "retry.base"].map {
        [settings[$0]?["value"] as? String, settings[$0]?["source"] as? String]
      }
      #expect(shown == [["1MiB", "file \(file):1"], ["1000", "default"], ["30ms", "file \(file):3"]])

      // The metrics, the worker's own status and the command, which knows only the file, all report it.
      func metrics() async throws -> String {
        let (data, _) = try await URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)/metrics")))
        return String(decoding: data, as: UTF8.self)
      }
      try await waitUntil("the metric says so") { try await metrics().contains("\ntidemark_config_reload_success 0\n") }
      let pending = "dead_letters.halt_after=2 (in force: 1000), limits.max_entry_bytes=1KiB (in force: 1MiB)"
      try await waitUntil("the status says so") {
        try await product.run("status").standardOutput.contains("Worker 1 must be restarted for \(pending)")
      }

      // The old value is in force: five dead letters in a row do not halt the lane, and an entry above the new limit is not a sixth one.
      try await product.add((0..<5).map { _ in RawRecord("title", ["type": "session.updated", "session": "s"]).with("title", [0]) })
      try await product.add(["type": "message.appended", "session": "s", "role": "user", "content": String(repeating: "x", count: 5000)])
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select dead_letters_total, applied_total from tidemark.lanes") == "5|1")
      #expect(!worker.standardError.contains("lane.halted"))

      // With the original file everything is in force again.
      try write("limits: { max_entry_bytes: 1MiB }\nretry: { base: 20ms }\n")
      worker.signal(SIGHUP)
      try await waitUntil("the metric says so") { try await metrics().contains("\ntidemark_config_reload_success 1\n") }
      try await waitUntil("the status says so") { try await !product.run("status").standardOutput.contains("must be restarted") }
      #expect(try await worker.stop() == 0)
    }
  }
}
