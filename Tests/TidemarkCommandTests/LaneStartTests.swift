import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// `start` applies to the streams that exist when an item of `lanes` first takes effect.
@Suite(.serialized) struct LaneStartTests {
  private func file(_ start: String = "newest") async throws -> String {
    let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
    try "lanes:\n  - { streams: \"jobs:*:events\", start: \(start) }\n".write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }

  private func streams(_ numbers: Range<Int>) -> [String] { numbers.map { "jobs:\($0):events" } }

  private func write(to streams: [String], _ product: Product) async throws {
    let lines = streams.map { "XADD \($0) * type message.appended session \($0) role user content x" }
    _ = try await product.redis.commands(lines.joined(separator: "\n") + "\n")
  }

  @Test func everyStreamThatComesIntoBeingLaterIsReadFromItsFirstEntry() async throws {
    try await withProduct { product in
      try await product.addMessages(5, to: "jobs:old:events")
      let settings = try await file()
      let worker = try await product.startWorker("--config", settings)
      #expect(worker.standardError.contains("lanes.in_effect"))
      #expect(worker.standardError.contains("skipped=5"))
      // Streams appear while a worker runs, while none runs, and after one was killed.
      try await write(to: streams(0..<70), product)
      try await product.waitFor("70", "select count(*) from tidemark.messages")
      #expect(try await worker.stop() == 0)
      try await write(to: streams(70..<80), product)
      let second = try await product.startWorker("--config", settings)
      try await product.waitFor("80", "select count(*) from tidemark.messages")
      second.signal(SIGKILL)
      _ = try await second.waitForExit()
      try await write(to: streams(80..<90), product)
      try await product.addMessages(2, from: 6, to: "jobs:old:events")
      let third = try await product.startWorker("--config", settings)
      try await product.waitFor("92", "select count(*) from tidemark.messages")
      #expect(
        try await product.rows("select count(*), sum(baseline), sum(read_total) from tidemark.lanes where lane like 'jobs:%'") == [
          "91|5|92"
        ])
      #expect(!third.standardError.contains("lanes.in_effect"))
      #expect(try await product.rows("select streams, start from tidemark.lane_items") == ["jobs:*:events|newest"])
      #expect(try await product.discrepancies() == [])
      #expect(try await third.stop() == 0)
    }
  }

  @Test func anItemThatAReloadAddsSkipsWhatStandsThereAndNoMore() async throws {
    try await withProduct { product in
      try await product.addMessages(5, to: "jobs:old:events")
      let settings = try await file()
      let yaml = try String(contentsOfFile: settings, encoding: .utf8)
      try "lanes: []\n".write(toFile: settings, atomically: false, encoding: .utf8)
      let worker = try await product.startWorker("--config", settings)
      try yaml.write(toFile: settings, atomically: false, encoding: .utf8)
      worker.signal(SIGHUP)
      try await worker.waitForOutput("configuration.reloaded")
      try await write(to: streams(0..<20) + ["jobs:old:events"], product)
      try await product.waitFor("21", "select count(*) from tidemark.messages")
      #expect(try await product.value("select sum(baseline) from tidemark.lanes where lane like 'jobs:%'") == "5")
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aLedgerWithoutALaneThatWasInEffectSkipsNothingOfIt() async throws {
    try await withProduct { product in
      let settings = try await file()
      let worker = try await product.startWorker("--config", settings)
      try await write(to: streams(0..<3), product)
      try await product.waitFor("3", "select count(*) from tidemark.messages")
      try await waitUntil("they are told") { try await product.redis.command("HLEN", "tidemark:durable") == "7" }
      #expect(try await worker.stop() == 0)
      // The ledger is restored from a backup from before the lanes, with the item and without it.
      for remembered in [true, false] {
        try await product.value("delete from tidemark.lanes; delete from tidemark.change_log; delete from tidemark.messages")
        if !remembered { try await product.value("delete from tidemark.lane_items") }
        let next = try await product.startWorker("--config", settings)
        try await product.waitFor("3", "select count(*) from tidemark.messages")
        #expect(next.standardError.contains("lanes.forgotten") == !remembered)
        #expect(try await next.stop() == 0)
      }
    }
  }
}
