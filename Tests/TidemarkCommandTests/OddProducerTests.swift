import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// Probable mistakes of producers, and deletions in Redis by hand.
@Suite(.serialized) struct OddProducerTests {
  @Test func streamsThatNoLaneReadsAreNamed() async throws {
    try await withProduct(["state.partitions": "16"]) { product in
      for stream in ["tidemark:{16}:changes", "tidemark:2:changes", "tidemark:{3}:changes"] { try await product.addMessages(1, to: stream) }
      let check = try await product.run("check")
      #expect(check.exitCode == 0)
      let line = check.standardOutput.split(separator: "\n").first { $0.contains("no lane reads") } ?? ""
      #expect(line.contains("warning") && line.contains("tidemark:2:changes, tidemark:{16}:changes;"), "\(check.standardOutput)")
      #expect(line.contains("N from 0 to 15"))
      let status = try await product.run("status")
      #expect(status.standardOutput.contains("No lane reads tidemark:2:changes, tidemark:{16}:changes"), "\(status.standardOutput)")
      let json = try await product.run("status", "--json")
      let report = try #require(try JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [String: Any])
      #expect(report["unread_streams"] as? [String] == ["tidemark:2:changes", "tidemark:{16}:changes"])
    }
  }

  @Test func aMistypedTypeIsNamedWithTheNearestKnownOne() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.add(["type": "message.append", "session": "s", "role": "user", "content": "x"])
      try await product.add(["type": "billing.charged", "session": "s", "amount": "1"])
      try await product.waitUntilCaughtUp()
      try await product.waitFor("2", "select count(*) from tidemark.unknown_types")
      let sample = try await product.run("check", "--sample", "5")
      #expect(sample.exitCode == 0)
      #expect(
        sample.standardOutput.contains("the type message.append, which is kept whole and changes no state; if message.appended is meant"),
        "\(sample.standardOutput)")
      #expect(sample.standardOutput.contains("the type billing.charged"))
      let status = try await product.run("status")
      #expect(status.standardOutput.contains("unknown type message.append: is it message.appended?"), "\(status.standardOutput)")
      #expect(!status.standardOutput.contains("billing.charged"))
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func aMarkThatSomebodyDeletedIsToldAgainWithoutAnEntry() async throws {
    try await withProduct { product in
      let worker = try await product.startWorker()
      try await product.addMessages(5)
      try await product.waitUntilCaughtUp()
      let last = try await product.value("select tidemark.entry_id(entry_ms, entry_no) from tidemark.lanes")
      for _ in 0..<2 {
        try await waitUntil("it is told") { try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == last }
        try await product.redis.command("DEL", "tidemark:{0}:lane")
      }
      try await waitUntil("it is told again") { try await product.redis.command("HGET", "tidemark:{0}:lane", "durable") == last }
      try await waitUntil("with the installation") {
        try await product.redis.command("HGET", "tidemark:{0}:lane", "installation").isEmpty == false
      }
      #expect(try await worker.stop() == 0)
    }
  }

  @Test func rejectedEntriesAreForgottenWhoeverTrimsTheStream() async throws {
    try await withProduct(["trim.enabled": "false"]) { product in
      let worker = try await product.startWorker()
      for _ in 0..<5 { try await product.add(["type": "context.set", "session": "s", "key": "k", "value": "{"]) }
      try await waitUntil("their writers are told") { try await product.redis.command("HLEN", "tidemark:{0}:rejected") == "5" }
      try await product.redis.command("XTRIM", Product.lane, "MAXLEN", "2")
      try await waitUntil("those that are left") { try await product.redis.command("HLEN", "tidemark:{0}:rejected") == "2" }
      try await product.redis.command("DEL", Product.lane)
      try await waitUntil("none is left") { try await product.redis.command("EXISTS", "tidemark:{0}:rejected") == "0" }
      #expect(try await worker.stop() == 0)
    }
  }
}
