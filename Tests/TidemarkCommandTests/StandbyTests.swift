import Testing
import TidemarkTestKit

/// A Postgres with a standby.
@Suite(.serialized) struct StandbyTests {
  @Test func `a standby that lags is promoted, and what it lacks is replayed from Redis, exactly`() async throws {
    try await withPostgresPair { pair in
      try await withRedis { redis in
        let settings = [
          "state.partitions": "4", "lease.ttl": "2s", "discover": "100ms", "retry.cap": "500ms", "postgres.url": pair.url,
        ]
        let product = Product(redis: redis, postgres: pair.primary, settings: settings)
        let migrated = try await product.run("migrate")
        #expect(migrated.exitCode == 0, "\(migrated.standardError)")
        let writer = try LedgerWriter(redis.url, partitions: 4)
        let worker = try await product.startWorker()
        for _ in 0..<300 { await writer.write() }
        try await writer.verify(Set(await writer.acknowledged.keys), in: product)
        try await pair.waitUntilCaughtUp()
        try await pair.stopStreaming()
        for _ in 0..<200 { await writer.write() }
        try await writer.verify(Set(await writer.acknowledged.keys), in: product)
        try await pair.failOver()
        let behind = Product(redis: redis, postgres: pair.standby, settings: settings)
        #expect(try await behind.value("select count(*) >= 300 from tidemark.changes") == "t")
        for _ in 0..<100 { await writer.write() }
        try await writer.verify(Set(await writer.acknowledged.keys), in: behind)
        #expect(try await behind.value("select count(*) from tidemark.changes") == "600")
        #expect(try await behind.value("select count(*) from tidemark.gaps") == "0")
        try await worker.waitForOutput("postgres.changed")
        #expect(try await worker.stop() == 0)
        #expect(try await behind.discrepancies() == [])
        #expect(try await behind.disorders() == [])
        await writer.close()
      }
    }
  }
}
