import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// `tidemark audit`, with the executable and real servers.
@Suite(.serialized) struct AuditTests {
  private static let sealed = "select coalesce(max(through_no), 0) from tidemark.seals where lane = 'tidemark:{0}:changes'"
  private static let settings = ["seal.interval": "100ms"]

  private struct Report: Decodable {
    struct Lane: Decodable {
      var lane: String
      var changes: Int
      var sealed: Int
      var seal: String?
    }

    struct Difference: Decodable {
      var lane: String?
      var kind: String
      var no: Int?
      var session: String?
    }

    var ok: Bool
    var lanes: [Lane]
    var differences: [Difference]
  }

  private func audit(_ product: Product, _ arguments: String...) async throws -> (exitCode: Int32?, report: Report) {
    let outcome = try await TidemarkProcess.run(["audit", "--json"] + arguments, environment: product.environment)
    #expect(outcome.standardError == "")
    return (outcome.exitCode, try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)))
  }

  @Test func `what a worker sealed is verified, and what is changed is named`() async throws {
    try await withProduct(Self.settings) { product in
      let worker = try await product.startWorker()
      try await product.addMessages(40)
      try await product.add(["type": "context.set", "session": "s", "key": "k", "value": "1"])
      try await product.waitFor("41", Self.sealed)
      // The head stands in Redis, too.
      let link = try await product.value("select encode(link, 'hex') from tidemark.seals order by from_no desc limit 1")
      try await waitUntil("the head is in Redis") {
        try await product.redis.command("HGET", "tidemark:{0}:lane", "seal") == "41:\(link)"
      }
      let clean = try await audit(product)
      #expect(clean.exitCode == 0 && clean.report.ok)
      #expect(clean.report.lanes.first { $0.changes > 0 }?.sealed == 41)
      #expect(clean.report.lanes.first { $0.changes > 0 }?.seal == link)
      let text = try await product.run("audit")
      #expect(text.standardOutput.contains("41 changes: everything is as it was sealed, and the counters add up"))
      #expect(try await worker.stop() == 0)

      try await product.value("update tidemark.messages set content = 'another' where content = 'message 7'")
      let changed = try await audit(product)
      #expect(changed.exitCode == 1 && !changed.report.ok)
      #expect(changed.report.differences.map(\.kind) == ["changed"] && changed.report.differences.first?.no == 7)
      let named = try await product.run("audit")
      #expect(named.exitCode == 1)
      #expect(named.standardOutput.contains("tidemark:{0}:changes: the change 7 (entry "))
      #expect(named.standardOutput.contains(" of session s is not what was sealed"))
      // A removed change is not explained by a mark that no receipt confirms.
      try await product.value("insert into tidemark.erased_changes select lane_id, no, 77 from tidemark.change_log where no = 9")
      try await product.value("delete from tidemark.change_log where no = 9")
      #expect(try await audit(product).report.differences.map(\.kind) == ["receipt", "changed"])
      // Only what was sealed since is compared.
      try await product.value("delete from tidemark.erased_changes")
      #expect(try await audit(product, "--since", "2125-01-01T00:00:00Z").exitCode == 0)
      #expect(try await audit(product, "--lane", "orders:*").report.lanes.isEmpty)
    }
  }

  @Test func `a chain that was cut off or computed anew is found by Redis and by an anchor`() async throws {
    try await withProduct(Self.settings) { product in
      let folder = FileManager.default.temporaryDirectory.appending(path: "tidemark-anchor-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let anchor = folder.appending(path: "anchor.json").path
      let worker = try await product.startWorker()
      try await product.addMessages(10)
      try await product.waitFor("10", Self.sealed)
      #expect(try await audit(product, "--anchor", anchor).exitCode == 0)
      try await product.addMessages(10, from: 11)
      try await product.waitFor("20", Self.sealed)
      try await waitUntil("the head is in Redis") {
        try await product.redis.command("HGET", "tidemark:{0}:lane", "seal").hasPrefix("20:")
      }
      #expect(try await audit(product, "--anchor", anchor).exitCode == 0)
      #expect(try await worker.stop() == 0)
      // Everything is computed anew after a change, as whoever has all rights could.
      try await product.value("update tidemark.messages set content = 'another' where content = 'message 7'")
      try await product.value("delete from tidemark.seals")
      try await product.value("select count(*) from tidemark.seal_lanes(array(select lane_id from tidemark.lanes), 1000)")
      let outcome = try await audit(product, "--anchor", anchor)
      #expect(outcome.exitCode == 1)
      #expect(outcome.report.differences.map(\.kind) == ["head", "head"])
      // Where Redis was flushed, the anchor is left.
      try await product.redis.command("HDEL", "tidemark:{0}:lane", "seal")
      #expect(try await audit(product).exitCode == 0)
      let anchored = try await product.run("audit", "--anchor", anchor)
      #expect(anchored.exitCode == 1)
      #expect(anchored.standardOutput.contains("\(anchor) holds the seal of the change 20, and PostgreSQL has another one there"))
    }
  }

  @Test func `what can't be an audit is refused in one line`() async throws {
    try await withProduct { product in
      for (arguments, line) in [
        (["--parallel", "0"], "--parallel: is not between 1 and 64"),
        (["--since", "yesterday"], "'yesterday' is invalid for '--since <since>'"),
        (["--anchor", "a", "--lane", "b"], "--anchor: is about all changes of all lanes"),
        (["--anchor", "/dev/null"], "is no anchor that `tidemark audit --anchor` wrote"),
      ] {
        let outcome = try await TidemarkProcess.run(["audit"] + arguments, environment: product.environment)
        #expect(outcome.exitCode == 2, "\(arguments)")
        #expect(outcome.standardError.contains(line), "\(arguments): \(outcome.standardError)")
        #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      }
    }
  }
}
