import Foundation
import FoundationNetworking
import Testing
import TidemarkServers
import TidemarkTestKit

/// Whatever stops a worker is reported in its log, at `/readyz` and in its metrics.
@Suite(.serialized) struct SilenceTests {
  /// Returns the URL of a Redis user who has a worker's rights except one command.
  private func url(_ product: Product, without command: String) async throws -> String {
    try await product.redis.command("ACL", "SETUSER", "worker", "reset", "on", ">secret", "~*", "&*", "+@all", "-\(command)")
    return product.redis.url.replacing("redis://", with: "redis://worker:secret@")
  }

  private static func get(_ port: Int, _ path: String) async throws -> (Int, String) {
    let (data, response) = try await URLSession.shared.data(from: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
  }

  @Test(arguments: ["xread", "xrange", "xinfo|stream", "evalsha", "hset"])
  func aCommandThatTheUserMayNotRunIsNamedInTheLogAndMakesTheWorkerNotReady(command: String) async throws {
    try await withProduct { product in
      // The ledger has entries and more are waiting, so the worker needs all of its rights.
      let first = try await product.startWorker()
      try await product.addMessages(3)
      try await product.waitUntilCaughtUp()
      #expect(try await first.stop() == 0)
      try await product.addMessages(3, from: 4)
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(
        ["run", "--listen", "127.0.0.1:\(port)"],
        environment: product.environment(["redis.url": try await url(product, without: command)]))
      try await worker.waitForOutput("'\(command)' command")
      try await waitUntil("it is not ready, and says why") {
        guard let (status, body) = try? await Self.get(port, "/readyz") else { return false }
        return status == 503 && body.contains("'\(command)' command")
      }
      #expect(!worker.standardError.contains("The user executing the script"))
      // A stream that can be inspected but not read must not count as readable.
      if command == "xread" { #expect(!worker.standardError.contains("redis.readable")) }
      #expect(try await worker.stop() == 0)
      if command == "hset" {
        let said = worker.standardError.split(separator: "\n").filter { $0.contains(" marks.unpublished ") }
        #expect(said.count == 1 && said[0].contains("'hset' command") && said[0].contains("lanes=1"))
      }
    }
  }

  @Test func whatWaitsWithoutAnOwnerIsMeasuredAndMakesTheWorkerNotReady() async throws {
    try await withProduct { product in
      let name = product.postgres.database
      let role = "\(name)_blind"
      try await product.postgres.adminPsql("create role \"\(role)\" login; grant connect on database \"\(name)\" to \"\(role)\"")
      try await product.value(
        """
        grant usage on schema tidemark to "\(role)"; grant all on all tables in schema tidemark to "\(role)";
        grant all on all sequences in schema tidemark to "\(role)"; revoke all on tidemark.lease_holders from "\(role)"
        """)
      try await product.addMessages(16)
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(
        ["run", "--listen", "127.0.0.1:\(port)"],
        environment: product.environment(["postgres.url": product.postgres.url(database: name, role: role)]))
      try await worker.waitForOutput("worker.started")
      try await waitUntil("it is not ready, and says why") {
        guard let (status, body) = try? await Self.get(port, "/readyz") else { return false }
        return status == 503 && body.contains("lease_holders")
      }
      try await waitUntil("the lag of the installation is measured") {
        let metrics = try await Self.get(port, "/metrics").1
        return metrics.contains("\ntidemark_lag_entries 16\n") && metrics.contains("\ntidemark_lag_seconds ")
      }
      #expect(worker.standardError.contains("leases.waiting"))
      #expect(try await worker.stop() == 0)
      try await product.postgres.adminPsql("drop owned by \"\(role)\"; drop role \"\(role)\"")
    }
  }

  @Test func aReasonThatChangesIsSaidAtOnceAndSoIsTheEnd() async throws {
    try await withProduct { product in
      let url = try await url(product, without: "flushall")
      let worker = try await product.startWorker(settings: ["redis.url": url])
      try await product.addMessages(1)
      try await product.waitUntilCaughtUp()
      await product.redis.stop()
      try await worker.waitForOutput("redis.unreadable")
      try await product.redis.start()
      // The user is lost with the server's memory.
      try await waitUntil("WRONGPASS is said") {
        worker.standardError.split(separator: "\n").contains { $0.contains(" redis.unreadable ") && $0.contains("WRONGPASS") }
      }
      _ = try await self.url(product, without: "flushall")
      try await worker.waitForOutput("redis.readable")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func withPostgresAwayAllLanesThatHaveSomethingToCommitWaitForItAndTheWorkerStopsInTime() async throws {
    try await withProduct(["state.partitions": "8"], postgres: .private) { product in
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(["run", "--listen", "127.0.0.1:\(port)"], environment: product.environment)
      try await worker.waitForOutput("worker.started")
      let lanes = (0..<8).map { "tidemark:{\($0)}:changes" }
      for lane in lanes { try await product.addMessages(1, session: lane, to: lane) }
      try await product.waitUntilCaughtUp(lanes)
      try await product.postgres.stop(mode: .immediate)
      for lane in lanes { try await product.addMessages(1, session: lane, from: 2, to: lane) }
      try await waitUntil("all lanes wait for Postgres") {
        let metrics = try await Self.get(port, "/metrics").1
        return metrics.contains("\ntidemark_lanes{state=\"waiting_postgres\"} 8\n")
      }
      try await product.postgres.start()
      try await worker.waitForOutput("postgres.reachable")
      try await product.waitUntilCaughtUp(lanes)

      try await product.postgres.stop(mode: .immediate)
      for lane in lanes { try await product.addMessages(1, session: lane, from: 3, to: lane) }
      try await waitUntil("it is noticed") { worker.standardError.components(separatedBy: " postgres.unreachable ").count > 2 }
      #expect(try await worker.stop() == 0)
      #expect(worker.standardError.contains("worker.stopped"))
      #expect(worker.standardError.components(separatedBy: "commit.retry").count < 10)
      try await product.postgres.start()
    }
  }

  @Test func aReloadWithoutTheFileKeepsWhatRunsAndSaysSo() async throws {
    try await withProduct { product in
      let folder = try await ScratchSpace.current().folder("settings")
      let file = "\(folder)/tidemark.yaml"
      try "lanes:\n  - streams: orders\n".write(toFile: file, atomically: false, encoding: .utf8)
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(
        ["run", "--listen", "127.0.0.1:\(port)"], environment: product.environment, workingDirectory: folder)
      try await worker.waitForOutput("worker.started")
      try FileManager.default.removeItem(atPath: file)
      worker.signal(SIGHUP)
      try await worker.waitForOutput("configuration.refused")
      #expect(worker.standardError.contains("the file that this worker was started with is gone"))
      #expect(!worker.standardError.contains("configuration.reloaded"))
      try await waitUntil("the metric says so") { try await Self.get(port, "/metrics").1.contains("\ntidemark_config_reload_success 0\n") }
      // The lanes of the original file are still served.
      try await product.addMessages(3, to: "orders")
      try await product.waitUntilCaughtUp(["orders"])
      #expect(try await worker.stop() == 0)
    }
  }

  @Test(arguments: ["text", "json"]) func linesOfTheLogBearDateZoneWorkerAndNumbers(format: String) async throws {
    try await withProduct { product in
      let worker = try await product.startWorker(settings: ["log.format": format])
      try await worker.waitForOutput("lanes.owned")
      #expect(try await worker.stop() == 0)
      let time = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#
      for line in worker.standardError.split(separator: "\n") {
        guard format == "json" else {
          #expect(line.prefixMatch(of: time) != nil && line.contains(" worker="), "\(line)")
          continue
        }
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect((object["time"] as? String)?.wholeMatch(of: time) != nil, "\(line)")
        #expect(object["worker"] is String, "\(line)")
        if object["event"] as? String == "lanes.owned" { #expect(line.contains("\"lanes\":1,"), "\(line)") }
      }
    }
  }
}
