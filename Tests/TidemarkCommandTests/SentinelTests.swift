import Testing
import TidemarkTestKit

/// A Redis with Sentinels.
@Suite(.serialized) struct SentinelTests {
  private static let settings = ["state.partitions": "4", "lease.ttl": "2s", "discover": "100ms", "retry.cap": "500ms"]

  private func withSentinels(_ body: (ReplicatedRedis, Product, LedgerWriter) async throws -> Void) async throws {
    try await withReplicatedRedis { redis in
      try await withPostgres { postgres in
        let sentinels = redis.sentinelPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        let url = "redis+sentinel://\(sentinels)/\(redis.serviceName)/0"
        let product = Product(
          redis: try await redis.master(), postgres: postgres, settings: Self.settings.merging(["redis.url": url]) { $1 })
        let migrated = try await product.run("migrate")
        #expect(migrated.exitCode == 0, "\(migrated.standardError)")
        let writer = try LedgerWriter(url, partitions: 4)
        try await body(redis, product, writer)
        await writer.close()
      }
    }
  }

  @Test func `the master is followed through a failover`() async throws {
    try await withSentinels { redis, product, writer in
      let worker = try await product.startWorker()
      for _ in 0..<200 { await writer.write() }
      try await writer.verify(Set(await writer.acknowledged.keys), in: product)
      _ = try await redis.failOver()
      for _ in 0..<200 { await writer.write() }
      try await writer.verify(try await writer.kept(), in: product)
      #expect(try await worker.stop() == 0)
      #expect(try await product.discrepancies() == [])
      let check = try await product.run("check")
      #expect(check.exitCode == 0, "\(check.standardError)")
    }
  }

  @Test func `a replica without the tail is noticed, recorded, and goes on`() async throws {
    try await withSentinels { redis, product, writer in
      let worker = try await product.startWorker()
      for _ in 0..<200 { await writer.write() }
      try await writer.verify(Set(await writer.acknowledged.keys), in: product)
      // The old streams are identified by their groups, which the replicas must have, too; otherwise the new master's streams look
      // replaced.
      try await product.waitFor("4", "select count(*) from tidemark.lanes where mirrored")
      try await redis.stopReplication()
      // These entries are committed in Postgres and missing on the new master.
      for _ in 0..<100 { await writer.write() }
      try await writer.verify(Set(await writer.acknowledged.keys), in: product)
      _ = try await redis.failOver()
      for _ in 0..<200 { await writer.write() }
      try await writer.verify(try await writer.kept(), in: product)
      try await product.waitFor("4", "select count(*) from tidemark.gaps")
      #expect(try await product.rows("select distinct cause from tidemark.gaps") == ["rewound"])
      #expect(try await product.value("select min(incarnation) from tidemark.lanes") == "2")
      #expect(try await worker.stop() == 0)
      #expect(try await product.discrepancies() == [])
    }
  }

  @Test func `no Sentinel, or none that knows the service, is one clear line`() async throws {
    try await withSentinels { redis, product, _ in
      let unknown = "redis+sentinel://127.0.0.1:\(redis.sentinelPorts[0])/other"
      let check = try await product.run("check", settings: ["redis.url": unknown])
      #expect(check.exitCode == 1)
      #expect((check.standardOutput + check.standardError).contains("does not know the service 'other'"))
    }
  }
}
