package import Logging
package import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// The schema and the prefix that a benchmark uses on the user's servers. They are recreated before each measurement and removed at the
/// end.
///
/// A schema or key without the benchmark's mark belongs to the user and is never touched.
package struct BenchPlace: Sendable {
  /// The comment that marks the schema as the benchmark's.
  static let mark = "Made by `tidemark bench`, which removes it"
  static let deadline = Duration.seconds(3600)
  /// The lease time is zero, because no worker of an earlier benchmark serves the new installation.
  private static let leaseTTL = Duration.zero

  package let postgres: PostgresConfiguration
  package let redis: RedisConfiguration
  package let schema: String
  package let lanes: BuiltInLanes
  private let logger: Logger

  package init(postgres: PostgresConfiguration, redis: RedisConfiguration, schema: String, lanes: BuiltInLanes, logger: Logger) {
    var postgres = postgres
    // The session's timeout is meant for batches; a COPY of all rows takes longer.
    postgres.statementTimeout = Self.deadline
    self.postgres = postgres
    self.redis = redis
    self.schema = schema
    self.lanes = lanes
    self.logger = logger
  }

  /// All keys of an installation whose changes are written with plain XADD.
  var keys: [String] {
    let names = lanes.keys
    let ofPartitions = (0..<lanes.partitions).map { names.partition($0) }.flatMap { [$0.changes, $0.marks, $0.rejected, $0.requests] }
    // The key of the claim must be deleted last.
    return ofPartitions + [names.sharedMarks, names.config]
  }

  func connect() async throws -> PostgresConnection {
    let connection = try PostgresConnection(configuration: postgres, logger: logger)
    do {
      try await connection.connect(deadline: .seconds(10))
    } catch let error as PostgresError {
      throw PostgresCheck.connecting(error, postgres)
    }
    return connection
  }

  /// Returns the keyspace, which connects at its first use.
  func keyspace() -> RedisKeyspace { RedisKeyspace(redis, name: "tidemark-bench") }

  /// Claims the schema and the prefix. Throws a ``Finding`` if something is in the way. The connection holds the claim, which ends with its
  /// session: two benchmarks can't remove each other's schema, and the next benchmark cleans up after a killed one.
  func claim(on connection: PostgresConnection, _ redis: RedisKeyspace) async throws {
    let taken = try await connection.query(
      "SELECT pg_try_advisory_lock(hashtextextended('tidemark bench of ' || $1, 0)) AS taken", [.string(schema)], deadline: .seconds(10))
    guard taken.bool(0, "taken") == true else {
      throw Finding(.problem, "bench", "another `tidemark bench` uses the schema \(schema)", hint: "wait for its end")
    }
    let found = try await connection.query(
      """
      SELECT obj_description(n.oid, 'pg_namespace') AS mark, pg_has_role(n.nspowner, 'USAGE') AS is_ours
        FROM pg_namespace n WHERE n.nspname = $1
      """, [.string(schema)], deadline: .seconds(10))
    let isMarked = found.string(0, "mark") == Self.mark
    guard found.rowCount == 0 || isMarked && found.bool(0, "is_ours") == true else {
      throw Finding(
        .problem, "bench", "the schema \(schema) exists and was not made by `tidemark bench`",
        hint: "drop or rename it, or set another postgres.schema, from which this name is derived")
    }
    try await claimKeys(redis, isMarked: isMarked)
  }

  private func claimKeys(_ redis: RedisKeyspace, isMarked: Bool) async throws {
    let channel = lanes.keys.partition(0).durableChannel
    var listeners: Int64 = 0
    for node in try await redis.connections() {
      listeners += try await node.send(["PUBSUB", "NUMSUB", .text(channel)]).orThrow()[channel]?.number ?? 0
    }
    guard listeners == 0 else {
      throw Finding(
        .problem, "bench", "the channel \(channel) has a subscriber: another `tidemark bench` uses the prefix \(lanes.prefix)",
        hint: "wait for its end, or set another redis.prefix, from which this one is derived")
    }
    let replies = try await redis.pipeline(keys.map { ($0, ["EXISTS", .text($0)]) })
    guard let taken = try zip(keys, replies).first(where: { try $1.orThrow().number != 0 })?.0 else { return }
    // These keys are from a killed benchmark: its claim on the prefix names the schema that it made.
    guard isMarked,
      try await RedisPrefix(lanes.prefix, in: redis).claim(partitions: lanes.partitions).schema == schema
    else {
      throw Finding(
        .problem, "bench", "the key \(taken) exists and was not made by `tidemark bench`",
        hint: "delete or rename it, or set another redis.prefix, from which this name is derived")
    }
  }

  /// Creates an empty installation and removes a previous one.
  func reset(_ connection: PostgresConnection, _ redis: RedisKeyspace) async throws {
    try await remove(connection, redis)
    let name = try PostgresIdentifier.quoted(schema)
    do {
      try await connection.script(
        "BEGIN; CREATE SCHEMA \(name); COMMENT ON SCHEMA \(name) IS \(try PostgresIdentifier.literal(Self.mark)); COMMIT",
        deadline: .seconds(30))
    } catch let error as PostgresError where error.sqlstate == "42501" {
      throw try await refusal(connection)
    }
    _ = try await Installation(
      postgres: postgres, redis: self.redis, schema: schema, prefix: lanes.prefix, partitions: lanes.partitions,
      leaseTTL: Self.leaseTTL, logger: logger
    ).migrate()
  }

  private func refusal(_ connection: PostgresConnection) async throws -> Finding {
    // A failed transaction accepts no other command.
    await connection.rollback()
    let names = try await connection.query(
      "SELECT current_database()::text AS database, current_user::text AS role", deadline: .seconds(10))
    let database = try PostgresIdentifier.quoted(names.string(0, "database") ?? "")
    let role = names.string(0, "role") ?? ""
    return Finding(
      .problem, "bench", "the role \(role) may not create the schema \(schema)",
      hint: "as the database's owner: GRANT CREATE ON DATABASE \(database) TO \(try PostgresIdentifier.quoted(role))")
  }

  func remove(_ connection: PostgresConnection, _ redis: RedisKeyspace) async throws {
    await connection.rollback()
    // The keys are removed first: while the marked schema exists, a second attempt knows that the keys are the benchmark's.
    for reply in try await redis.pipeline(keys.map { ($0, ["UNLINK", .text($0)]) }) { _ = try reply.orThrow() }
    let drop = "DROP SCHEMA IF EXISTS \(try PostgresIdentifier.quoted(schema)) CASCADE"
    var attempts = 4
    while true {
      do {
        try await connection.script(drop, deadline: .seconds(120))
        return
      } catch let error as PostgresError where error.sqlstate == "40P01" && attempts > 1 {
        // A worker that died a moment ago still has a transaction, which ends by itself.
        attempts -= 1
        await connection.rollback()
      }
    }
  }

  /// Writes all dirty pages with CHECKPOINT, so that no measurement pays for the previous one. Skipped if the role has no right to it.
  func settle(_ connection: PostgresConnection) async throws {
    do {
      try await connection.script("CHECKPOINT", deadline: .seconds(600))
    } catch let error as PostgresError where error.sqlstate == "42501" {
      return
    }
  }
}
