import Logging
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// Sessions behind PgBouncer.
@Suite(.enabled(if: PgBouncer.isInstalled, "pgbouncer is not installed: ops/setup --tests installs it"))
struct PoolerProbeTests {
  private func makeConnection(_ url: String) throws -> PostgresConnection {
    try PostgresConnection(configuration: try PostgresConfiguration(url: url), logger: Logger(label: "test"))
  }

  @Test(arguments: [PgBouncer.Mode.transaction, .statement], [1, 10])
  func `a pooler that shares backends between sessions is refused before anything is set`(mode: PgBouncer.Mode, poolSize: Int) async throws
  {
    try await withPostgres { server in
      try await withPgBouncer(mode, before: server, poolSize: poolSize) { pooler in
        let connection = try makeConnection(pooler.url)
        for _ in 0..<3 {
          let error = try await failure { try await connection.connect(deadline: generous) }
          #expect(error.kind == .unsuitable(.pooling))
          #expect(error.hint?.contains("pool_mode = session") == true)
        }
        // No backend of the pool was touched.
        let path = try await server.psql("show search_path")
        let asked = try await PostgresPrograms.find().psql.output(["-X", "-A", "-t", "-d", pooler.url, "-c", "show search_path"])
        #expect(asked == path)
      }
    }
  }

  @Test func `a pooler that takes its backends in turn is refused, too`() async throws {
    try await withPostgres { server in
      try await withPgBouncer(.transaction, before: server, settings: ["server_round_robin": "1", "min_pool_size": "8"]) { pooler in
        let error = try await failure { try await makeConnection(pooler.url).connect(deadline: generous) }
        #expect(error.kind == .unsuitable(.pooling))
      }
    }
  }

  @Test(arguments: [1, 10]) func `a pooler of sessions works, also when it has no backend left`(poolSize: Int) async throws {
    try await withPostgres { server in
      try await withPgBouncer(.session, before: server, poolSize: poolSize) { pooler in
        let connection = try makeConnection(pooler.url)
        // The session that asked whether the pooler was ready may still have the only backend.
        try await connection.connect(deadline: generous)
        #expect(try await connection.one("select current_setting('search_path')") == "pg_catalog")
        #expect(try await connection.one("select pg_backend_pid()::text") == "\(try connection.pid)")
        await connection.close()
      }
    }
  }
}
