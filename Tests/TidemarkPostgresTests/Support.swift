import Logging
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// Long enough that only a hang meets it.
let generous = Duration.seconds(60)

/// A connection to the test's own database.
func connect(
  to server: PostgresServer, admin: Bool = false, adjust: (inout PostgresConfiguration) -> Void = { _ in }
) async throws -> PostgresConnection {
  var configuration = try PostgresConfiguration(url: admin ? server.adminURL : server.url)
  adjust(&configuration)
  let connection = try PostgresConnection(configuration: configuration, logger: Logger(label: "test"))
  try await connection.connect(deadline: generous)
  return connection
}

/// Runs what must fail, and gives its error.
func failure<T>(_ body: () async throws -> T, sourceLocation: SourceLocation = #_sourceLocation) async throws -> PostgresError {
  do {
    _ = try await body()
  } catch let error as PostgresError {
    return error
  }
  Issue.record("expected a PostgresError", sourceLocation: sourceLocation)
  return PostgresError(.misuse, "nothing was thrown")
}

/// Waits until the backend runs a statement that begins like this.
func waitUntilRunning(_ query: String, pid: Int32, on server: PostgresServer) async throws {
  try await waitUntil("backend \(pid) runs \(query)") {
    let count = try await server.adminPsql(
      "select count(*) from pg_stat_activity where pid = \(pid) and state = 'active' and query like '\(query)%'")
    return count.hasPrefix("1")
  }
}

extension PostgresConnection {
  nonisolated var pid: Int32 {
    get throws { try #require(backend).pid }
  }

  func copyIn(_ sql: String, _ bytes: [UInt8], deadline: Duration) async throws -> Int {
    try await copyIn(sql, deadline: deadline) { stream in try stream.append(bytes) }
  }

  func one(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> String? {
    try await query(sql, parameters, deadline: generous).string(0, 0)
  }
}
