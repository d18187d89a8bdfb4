internal import TidemarkPostgres

/// Measures the time until one row is durable on this server, with prepared one-row INSERTs, each in its own transaction.
enum RoundTrip {
  /// Runs on the connection's own thread, so that no thread switch is measured.
  static func measure(_ count: Int, schema: String, on connection: isolated PostgresConnection) async throws -> LagSummary? {
    let table = "\(try PostgresIdentifier.quoted(schema)).round_trip"
    try await connection.script("CREATE TABLE \(table) (n bigint)", deadline: .seconds(10))
    var times = LagHistogram()
    for number in 0..<count {
      let insert = PostgresStatement(
        sql: "INSERT INTO \(table) VALUES ($1::bigint)", name: "round_trip", parameters: [.integer(Int64(number))])
      let start = ContinuousClock.now
      _ = try await connection.pipeline([insert], deadline: .seconds(10))
      times.record(start.duration(to: .now))
    }
    try await connection.script("DROP TABLE \(table)", deadline: .seconds(10))
    return times.summary
  }
}
