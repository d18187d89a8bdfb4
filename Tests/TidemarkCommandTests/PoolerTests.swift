import Testing
import TidemarkTestKit

/// An installation behind PgBouncer.
@Suite(.serialized, .enabled(if: PgBouncer.isInstalled, "pgbouncer is not installed: ops/setup --tests installs it"))
struct PoolerTests {
  @Test func `behind a pooler of transactions nothing runs, and one line says how to fix it`() async throws {
    try await withProduct { product in
      try await withPgBouncer(.transaction, before: product.postgres) { pooler in
        let behind = ["postgres.url": pooler.url]
        for command in [["check"], ["migrate"], ["run", "--listen", "off"]] {
          let outcome = try await TidemarkProcess.run(command, environment: product.environment(behind))
          #expect(outcome.exitCode == 1)
          let lines = (outcome.standardOutput + outcome.standardError).split(separator: "\n")
          #expect(lines.count { $0.contains("postgres.pooling") && $0.contains("pool_mode = session") } == 1, "\(command): \(lines)")
        }
      }
    }
  }

  @Test func `behind a pooler of sessions everything runs`() async throws {
    try await withProduct(isMigrated: false) { product in
      try await withPgBouncer(.session, before: product.postgres) { pooler in
        let product = Product(
          redis: product.redis, postgres: product.postgres, settings: product.settings.merging(["postgres.url": pooler.url]) { $1 })
        for command in ["migrate", "check"] {
          let outcome = try await product.run(command)
          #expect(outcome.exitCode == 0, "\(outcome.standardOutput)\(outcome.standardError)")
        }
        let worker = try await product.startWorker()
        try await product.addMessages(1000)
        try await product.waitUntilCaughtUp()
        #expect(try await worker.stop() == 0)
        #expect(try await product.value("select count(*) from tidemark.messages") == "1000")
        #expect(try await product.discrepancies() == [])
      }
    }
  }
}
