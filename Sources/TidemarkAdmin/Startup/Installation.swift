package import Logging
package import TidemarkPostgres
package import TidemarkRedis

/// Makes an installation: the schema in Postgres, and the claim on the prefix in Redis.
package struct Installation: Sendable {
  private let postgres: PostgresConfiguration
  private let redis: RedisConfiguration
  private let schema: String
  private let prefix: String
  private let partitions: Int
  private let logger: Logger

  package init(
    postgres: PostgresConfiguration, redis: RedisConfiguration, schema: String, prefix: String, partitions: Int, logger: Logger
  ) {
    self.postgres = postgres
    self.redis = redis
    self.schema = schema
    self.prefix = prefix
    self.partitions = partitions
    self.logger = logger
  }

  /// The SQL that ``migrate()`` would run, by version and name.
  package func dryRun() async throws -> [(name: String, sql: String)] {
    try await withConnection { connection in
      let migrator = Migrator(connection: connection, schema: schema, logger: logger)
      return try await migrator.plan().map { ("\($0.version) \($0.name)", try migrator.sql(of: $0)) }
    }
  }

  /// Claims the prefix first: an installation that may not have it must not get a schema. Answers the migrations that were applied.
  package func migrate() async throws -> [String] {
    try await claim()
    return try await withConnection { connection in
      try await Migrator(connection: connection, schema: schema, logger: logger).migrate().map { "\($0.version) \($0.name)" }
    }
  }

  /// Throws ``Finding`` where the prefix belongs to another installation, or Redis refuses.
  package func claim() async throws {
    do {
      let keyspace = RedisKeyspace(redis, name: "tidemark-migrate")
      defer { Task { await keyspace.close() } }
      let owner = try await RedisInspector.claim(prefix, schema: schema, partitions: partitions, in: keyspace)
      guard owner.schema == schema else {
        throw Finding(
          .problem, "redis.prefix", "the prefix \(prefix) belongs to the installation with the schema \(owner.schema ?? "?")",
          mend: "choose another redis.prefix, or set postgres.schema")
      }
      guard owner.partitions == partitions else {
        throw Finding(
          .problem, "state.partitions", "this installation was migrated with \(owner.partitions ?? 0) partitions, which is fixed",
          mend: "set state.partitions: \(owner.partitions ?? 0)")
      }
    } catch let error as RedisError {
      throw RedisCheck.finding(error, redis, prefix: prefix)
    }
  }

  private func withConnection<T: Sendable>(_ body: (PostgresConnection) async throws -> T) async throws -> T {
    let connection = try PostgresConnection(configuration: postgres, logger: logger)
    defer { Task { await connection.close() } }
    do {
      try await connection.connect(deadline: .seconds(10))
    } catch let error as PostgresError {
      throw PostgresCheck.connecting(error, postgres)
    }
    return try await body(connection)
  }
}
