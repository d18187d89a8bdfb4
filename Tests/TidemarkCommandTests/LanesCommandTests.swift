import Foundation
import FoundationNetworking
import Testing
import TidemarkServers
import TidemarkTestKit

/// `tidemark lanes` manages lanes that wait for a person.
@Suite(.serialized) struct LanesCommandTests {
  private static let bad = RawRecord("bad", ["type": "context.set", "session": "s", "key": "k", "value": "{"])

  /// Returns the log lines of an event.
  private func said(_ event: String, by worker: TidemarkProcess) -> [Substring] {
    worker.standardError.split(separator: "\n").filter { $0.contains(" \(event) ") }
  }

  /// Waits until the worker has logged this event so many times.
  private func waitFor(_ event: String, times: Int = 1, _ worker: TidemarkProcess) async throws {
    try await waitUntil("\(event), \(times) times") {
      worker.standardError.split(separator: "\n").count { $0.contains(" \(event) ") } >= times
    }
  }

  @Test func aLaneThatDeadLettersHaltedSaysSoAndGoesOnByEachOfTheWaysThatItsHintNames() async throws {
    try await withProduct(["dead_letters.halt_after": "3"]) { product in
      let port = try FreePort.next()
      let worker = try await TidemarkProcess.start(["run", "--listen", "127.0.0.1:\(port)"], environment: product.environment)
      try await worker.waitForOutput("worker.started")
      for (times, way) in ["discard", "retry", "reload"].enumerated() {
        try await product.add(Array(repeating: Self.bad, count: 3))
        try await waitFor("lane.halted", times: times + 1, worker)
        let line = try #require(said("lane.halted", by: worker).last)
        #expect(line.contains("lane=\(Product.lane)") && line.contains("3 dead letters in a row") && line.contains("lanes retry"))
        try await waitUntil("it is not ready, and says why") {
          let (status, body) = try await Self.get("http://127.0.0.1:\(port)/readyz")
          return status == 503 && body.contains("halted: 3 dead letters in a row")
        }
        let lane = try await Self.lane(product)
        #expect(lane["state"] as? String == "halted")
        #expect((lane["last_error"] as? String)?.hasPrefix("3 dead letters in a row") == true)
        #expect((lane["hint"] as? String)?.contains("discarded or replayed") == true)
        switch way {
        case "discard":
          let id = try await product.value("select min(id) from tidemark.dead_letters where resolved_at is null")
          #expect(try await product.run("dead-letters", "discard", id).exitCode == 0)
        case "retry":
          let retry = try await product.run("lanes", "retry", Product.lane)
          #expect(retry.exitCode == 0 && retry.standardOutput == "\(Product.lane) is tried again\n")
        default: worker.signal(SIGHUP)
        }
        try await waitFor("lane.resumed", times: times + 1, worker)
        try await product.addMessages(1, session: way)
        try await product.waitUntilCaughtUp()
        let ready = try await waitUntilReady(port)
        #expect(ready)
      }
      // There is one line per burst, not one per letter.
      try await waitFor("dead_letters.added", worker)
      let bursts = said("dead_letters.added", by: worker)
      #expect(bursts.count <= 3 && bursts.filter { $0.contains("bad_json") } == bursts)
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aPausedLaneIsNotReadUntilItIsResumedAlsoByAWorkerThatStartsMeanwhile() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(3)
      try await product.waitUntilCaughtUp()
      #expect(try await product.run("lanes", "pause", Product.lane).standardOutput == "\(Product.lane) paused\n")
      try await waitFor("lane.paused", worker)
      try await product.addMessages(5, from: 4)
      try await product.waitFor("paused", "select state from tidemark.lanes")
      #expect(try await worker.stop() == 0)
      let next = try await product.startWorker()
      try await product.waitFor("paused", "select state from tidemark.lanes")
      #expect(try await product.value("select count(*) from tidemark.messages") == "3")
      #expect(try await product.run("lanes", "resume", Product.lane).exitCode == 0)
      try await product.waitUntilCaughtUp()
      #expect(try await product.value("select count(*) from tidemark.messages") == "8")
      #expect(try await next.stop() == 0)
    }
  }

  @Test func gapsAreListedAndAcknowledgedAndWhatIsMisspeltChangesNothing() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(1)
      try await product.waitUntilCaughtUp()
      #expect(try await worker.stop() == 0)
      let insert = "insert into tidemark.gaps (lane, incarnation, after_ms, after_no, missing, cause) values"
      try await product.value(insert + " ('\(Product.lane)', 1, 5, 0, 41, 'trimmed'), ('\(Product.lane)', 1, 9, 0, 1, 'deleted')")
      let list = try await product.run("lanes", "list")
      #expect(list.standardOutput.contains("41  trimmed") && list.standardOutput.contains("GAP"), "\(list.standardOutput)")
      #expect(try await product.run("status").standardOutput.contains("2 gaps: see "))

      let wrong = try await product.run("lanes", "ack", "1", "999")
      #expect(wrong.exitCode == 1 && wrong.standardError.contains("there is no gap 999, and nothing was acknowledged"))
      #expect(try await product.run("lanes", "ack", "1").standardOutput == "1 acknowledged\n")
      #expect(try await product.run("lanes", "ack", "1").standardOutput == "1 was already acknowledged\n")
      let json = try await product.run("lanes", "list", "--json", "--all")
      let object = try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: [[String: Any]]]
      #expect(object?["gaps"]?.map { $0["acknowledged_at"] is NSNull } == [false, true])
      #expect(object?["lanes"]?.first?["gaps_open"] as? Int == 1)
      #expect(try await product.run("lanes", "ack", "--lane", Product.lane).standardOutput == "2 acknowledged\n")
      #expect(try await product.value("select count(*) from tidemark.gaps where acknowledged_at is null") == "0")

      for command in ["pause", "resume", "retry"] {
        let outcome = try await product.run("lanes", command, Product.lane, "nosuch")
        #expect(outcome.exitCode == 1 && outcome.standardError.contains("there is no lane nosuch, and nothing was changed"))
      }
      #expect(try await product.value("select count(*) from tidemark.lane_controls") == "0")
      #expect(try await product.run("lanes", "ack").exitCode == 2)
    }
  }

  private static func get(_ url: String) async throws -> (Int, String) {
    let (data, response) = try await URLSession.shared.data(from: try #require(URL(string: url)))
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
  }

  /// Returns the only lane as `tidemark status --json` shows it, once the ledger has the state.
  private static func lane(_ product: Product) async throws -> [String: Any] {
    try await product.waitFor("halted|t", "select state, last_error is not null from tidemark.lanes")
    let outcome = try await product.run("status", "--json")
    let object = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any]
    return (object?["lanes"] as? [[String: Any]])?.first ?? [:]
  }

  private func waitUntilReady(_ port: Int) async throws -> Bool {
    try await waitUntil("it is ready again") { try await Self.get("http://127.0.0.1:\(port)/readyz").0 == 200 }
    return true
  }
}
