import Testing
import TidemarkPostgres
import TidemarkTestKit

@Suite(.serialized) struct MigrateTests {
  @Test func migratingTwiceChangesNothingMore() async throws {
    try await withProduct(isMigrated: false) { product in
      let first = try await product.run("migrate")
      #expect(first.exitCode == 0)
      #expect(first.standardError.contains("applied migration 1 ledger"))
      let before = try await product.rows("select version, name, applied_at from tidemark.migrations order by 1")
      let second = try await product.run("migrate")
      #expect(second.exitCode == 0)
      #expect(!second.standardError.contains("applied"))
      #expect(second.standardError.contains("the schema tidemark is up to date"))
      #expect(try await product.rows("select version, name, applied_at from tidemark.migrations order by 1") == before)
      #expect(try await product.redis.command("HGET", "tidemark:config", "schema") == "tidemark")
    }
  }

  @Test func aDryRunPrintsTheSQLAndChangesNothing() async throws {
    try await withProduct(isMigrated: false) { product in
      let dry = try await product.run("migrate", "--dry-run")
      #expect(dry.exitCode == 0)
      for migration in Migration.all {
        #expect(dry.standardOutput.contains("-- migration \(migration.version) \(migration.name)"))
      }
      #expect(try await product.value("select count(*) from pg_namespace where nspname = 'tidemark'") == "0")
      #expect(try await product.redis.command("EXISTS", "tidemark:config") == "0")
      // The printed SQL is the SQL that would run.
      _ = try await product.run("migrate")
      let again = try await product.run("migrate", "--dry-run")
      #expect(again.exitCode == 0 && again.standardOutput.isEmpty)
    }
  }

  @Test func severalAtOnceAreOne() async throws {
    try await withProduct(isMigrated: false) { product in
      async let first = product.run("migrate")
      async let second = product.run("migrate")
      async let third = product.run("migrate")
      for outcome in try await [first, second, third] { #expect(outcome.exitCode == 0, "\(outcome.standardError)") }
      #expect(
        try await product.value("select count(*), count(distinct version) from tidemark.migrations")
          == "\(Migration.all.count)|\(Migration.all.count)")
    }
  }

  @Test func aPrefixIsClaimedOnlyOnceTheSchemaIsThere() async throws {
    try await withProduct(isMigrated: false) { product in
      let (port, name) = (product.postgres.port, product.postgres.database)
      try await product.postgres.adminPsql("create role \"\(name)_poor\" login; grant connect on database \"\(name)\" to \"\(name)_poor\"")
      for url in ["postgresql://postgres@127.0.0.1:1/nowhere", "postgresql://\(name)_poor@127.0.0.1:\(port)/\(name)"] {
        let refused = try await product.run("migrate", settings: ["postgres.url": url])
        #expect(refused.exitCode == 1)
        #expect(refused.standardError.split(separator: "\n").count == 1, "\(refused.standardError)")
        #expect(try await product.redis.command("DBSIZE") == "0")
      }
      try await product.postgres.adminPsql("drop owned by \"\(name)_poor\"; drop role \"\(name)_poor\"")
    }
  }
}
