import Logging
import Testing
import TidemarkPostgres
import TidemarkTestKit

@testable import TidemarkCore

/// The ledger in memory is worth what it has in common with Postgres: both pass ``LedgerConformance``.
@Suite struct LedgerConformanceTests {
  @Test func `the simulated ledger behaves as a ledger must`() {
    let world = SimulatedWorld(seed: 1)
    let sink = SimulatedSink(world.ledger, SimulatedNetwork(world.time), server: world.machine)
    world.finish { try await LedgerConformance(sink).run() }
    #expect(world.problems == [])
  }

  @Test func `Postgres behaves as a ledger must`() async throws {
    try await withPostgres { server in
      let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
      let connection = try PostgresConnection(configuration: PostgresConfiguration(url: server.url), logger: logger)
      try await connection.connect(deadline: .seconds(60))
      try await Migrator(connection: connection, schema: "tide", logger: logger).migrate()
      await connection.close()
      let sink = try PostgresSink(
        configuration: PostgresConfiguration(url: server.url),
        settings: SinkSettings(schema: "tide", dedupeWindow: .seconds(60)), destinations: SimulatedWorld.routes.destinations,
        version: "test", logger: logger)
      try await LedgerConformance(sink).run()
    }
  }
}
