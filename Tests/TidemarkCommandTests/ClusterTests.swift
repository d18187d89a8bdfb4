import Foundation
import Testing
import TidemarkServers
import TidemarkTestKit

/// The worker, its commands and the sample agents run on a Redis Cluster of six nodes.
@Suite(.serialized) struct ClusterTests {
  private static let settings = [
    "state.partitions": "16", "lease.ttl": "2s", "discover": "100ms", "retry.cap": "500ms", "trim.keep": "1h",
  ]

  /// Runs `body` with an installation on a cluster, and a writer for it.
  private func withCluster(_ body: (RedisCluster, Product, LedgerWriter) async throws -> Void) async throws {
    try await withRedisCluster { cluster in
      try await withPostgres { postgres in
        let url = "redis+cluster://" + cluster.nodes.prefix(3).map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        let product = Product(redis: cluster.nodes[0], postgres: postgres, settings: Self.settings.merging(["redis.url": url]) { $1 })
        let migrated = try await product.run("migrate")
        #expect(migrated.exitCode == 0, "\(migrated.standardError)")
        let writer = try LedgerWriter(url, partitions: 16)
        try await body(cluster, product, writer)
        await writer.close()
      }
    }
  }

  @Test func `check, agents and bench work on a Cluster`() async throws {
    try await withCluster { cluster, product, _ in
      // With lanes of a pattern `check` also scans for streams, on every master.
      let file = "\(try await ScratchSpace.current().folder("settings"))/tidemark.yaml"
      try "lanes:\n  - streams: \"jobs:*\"\n".write(toFile: file, atomically: false, encoding: .utf8)
      let check = try await product.run("check", "--config", file)
      #expect(check.exitCode == 0, "\(check.standardOutput)\(check.standardError)")
      #expect(check.standardOutput.contains("(3 masters)"))
      let agents = try await product.run("agents", "--agents", "20", "--rate", "500", "--seconds", "1")
      #expect(agents.exitCode == 0, "\(agents.standardError)")
      // A busy machine may not reach the requested rate.
      let written = try #require(agents.standardError.firstMatch(of: /wrote (\d+) changes/)?.1)
      let bench = try await product.run("bench", "--quick", "--changes", "1000", "--rate", "100", "--size", "1000", "--json")
      let report = try BenchOutput(bench.standardOutput)
      #expect(bench.exitCode == 0 && report.drains.map(\.changes) == [1_000, 1_000] && report.lags.map(\.lag.count) == [100])
      for node in cluster.nodes { #expect(try await node.command("KEYS", "tidemark_bench*") == "") }
      let worker = try await product.startWorker("--config", file)
      try await product.waitFor(String(written), "select count(*) from tidemark.changes")
      let status = try await product.run("status")
      #expect(status.standardOutput.contains("16 lanes"))
      #expect(try await worker.stop() == 0)
      #expect(try await product.discrepancies() == [])
    }
  }

  @Test func `the installation's id is on every node, and who takes the prefix over takes all of them`() async throws {
    try await withCluster { cluster, product, writer in
      let worker = try await product.startWorker()
      for number in 0..<64 { await writer.write(session: "session \(number)") }
      try await writer.verify(Set(await writer.acknowledged.keys), in: product)
      func ids() async throws -> Set<String> {
        var ids: Set<String> = []
        for key in ["tidemark:config"] + (0..<16).map({ "tidemark:{\($0)}:lane" }) {
          let node = try await cluster.master(of: try await cluster.slot(of: key))
          if try await node.command("EXISTS", key) == "1" { ids.insert(try await node.command("HGET", key, "installation")) }
        }
        return ids
      }
      #expect(try await ids() == [try await product.value("select id from tidemark.installation")])
      try await withPostgres { postgres in
        let second = Product(redis: product.redis, postgres: postgres, settings: product.settings)
        #expect(try await second.run("migrate").exitCode == 1)
        #expect(try await second.run("migrate", "--adopt").exitCode == 0)
        #expect(try await ids() == [try await second.value("select id from tidemark.installation")])
        try await worker.waitForOutput("installation.refused")
        #expect(try await worker.stop() == 0)
      }
    }
  }

  @Test func `slots move under load, and nothing is lost or doubled`() async throws {
    try await withCluster { cluster, product, writer in
      let worker = try await product.startWorker()
      let writing = Task { await writer.writeOn() }
      for partition in [3, 7, 11] {
        let slot = try await cluster.slot(of: "tidemark:{\(partition)}:changes")
        let holder = try await cluster.master(of: slot)
        let others = try await cluster.masters().filter { $0.port != holder.port }
        // The lane is written to and read while its slot is half migrated, and the slot returns at the end.
        for target in [others[0], others[1], holder] {
          try await cluster.move(slot: slot, to: target) { step in
            for number in 0..<5 { await writer.write(session: "moving \(step) \(number)") }
          }
        }
      }
      try await cluster.reshard(slots: 600, from: cluster.nodes[0], to: cluster.nodes[1])
      writing.cancel()
      await writing.value
      let acknowledged = await writer.acknowledged
      try await writer.verify(Set(acknowledged.keys), in: product)
      #expect(try await product.value("select count(*) from tidemark.gaps") == "0")
      #expect(try await product.value("select max(incarnation) from tidemark.lanes") == "1")
      #expect(try await worker.stop() == 0)
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
    }
  }

  @Test func `a node fails, the others' lanes go on, and its own once its replica has taken over`() async throws {
    try await withCluster { cluster, product, writer in
      let worker = try await product.startWorker()
      for _ in 0..<500 { await writer.write() }
      try await writer.verify(Set(await writer.acknowledged.keys), in: product)
      let slot = try await cluster.slot(of: "tidemark:{3}:changes")
      let dead = try await cluster.killMaster(of: slot)
      // This is long before a replica takes over.
      var onOthers: Set<LedgerWriter.Key> = []
      for _ in 0..<40 { if let key = await writer.write() { onOthers.insert(key) } }
      #expect(!onOthers.isEmpty)
      try await writer.verify(onOthers, in: product)
      _ = try await cluster.waitForMaster(of: slot, otherThan: dead)
      for _ in 0..<500 { await writer.write() }
      // Entries that the dead node acknowledged and did not replicate can't be known.
      try await writer.verify(try await writer.kept(), in: product)
      #expect(try await worker.stop() == 0)
      #expect(try await product.discrepancies() == [])
      #expect(try await product.disorders() == [])
    }
  }
}
