package import Logging
internal import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// Creates an installation: the schema in Postgres, and in Redis the claim on the prefix and the function library.
package struct Installation: Sendable {
  private let postgres: PostgresConfiguration
  private let redis: RedisConfiguration
  private let schema: String
  private let prefix: String
  private let partitions: Int
  private let leaseTTL: Duration
  private let logger: Logger

  /// - Parameter leaseTTL: the time after which a silent worker no longer prevents the claim of another Redis.
  package init(
    postgres: PostgresConfiguration, redis: RedisConfiguration, schema: String, prefix: String, partitions: Int, leaseTTL: Duration,
    logger: Logger
  ) {
    self.postgres = postgres
    self.redis = redis
    self.schema = schema
    self.prefix = prefix
    self.partitions = partitions
    self.leaseTTL = leaseTTL
    self.logger = logger
  }

  /// Returns the SQL that ``migrate(isAdopting:)`` would run, by version and name.
  package func dryRun() async throws -> [(name: String, sql: String)] {
    try await withConnection { connection in
      let migrator = Migrator(connection: connection, schema: schema, logger: logger)
      return try await migrator.plan().map { ("\($0.version) \($0.name)", try migrator.sql(of: $0)) }
    }
  }

  /// Migrates the schema and claims the prefix; returns the migrations that were applied. The claim is checked first, because an
  /// installation that may not have the prefix must not get a schema.
  ///
  /// - Parameter isAdopting: makes this prefix on this Redis and this schema one installation, whatever they belonged to before.
  package func migrate(isAdopting: Bool = false) async throws -> [String] {
    try await withConnection { connection in
      let sink = try PostgresSink(
        configuration: postgres, settings: SinkSettings(schema: schema, dedupeWindow: .zero), destinations: [], version: "", logger: logger)
      let claim = InstallationClaim(
        sink: sink, redis: redis, schema: schema, prefix: prefix, partitions: partitions, worker: nil, within: leaseTTL)
      defer { Task { await claim.close() } }
      try await translating(claim) { try await claim.admit(isAdopting: isAdopting) }
      let applied = try await Migrator(connection: connection, schema: schema, logger: logger).migrate()
      try await translating(claim) {
        try await sink.makeInstallation(prefix: prefix, partitions: partitions)
        try await claim.confirm(isAdopting: isAdopting)
      }
      return applied.map { "\($0.version) \($0.name)" }
    }
  }

  /// Installs the function library on every server that lacks it or has an older version, after ``migrate(isAdopting:)``. Returns the
  /// addresses of these servers.
  ///
  /// - Throws: a ``Finding``. Its severity is `warning` where the user may not install functions, because replication needs none.
  package func installFunctions() async throws -> [String] {
    try await withFunctions { try await $0.install(isThorough: true) }
  }

  /// Returns the addresses of the servers on which ``installFunctions()`` would install the function library.
  package func dryRunOfFunctions() async throws -> [String] {
    try await withFunctions { try await $0.pending() }
  }

  private func withFunctions(_ body: (FunctionInstaller) async throws -> [String]) async throws -> [String] {
    let functions = FunctionInstaller(prefix: prefix, redis: redis)
    defer { Task { await functions.close() } }
    do {
      return try await body(functions)
    } catch let refusal as LibraryVerdict.Refusal {
      throw Finding(.problem, "redis.functions", "\(functions.library.name): \(refusal)")
    } catch let error as RedisError {
      guard error.message.hasPrefix("NOPERM") else { throw RedisCheck.finding(error, redis) }
      throw Finding(
        .warning, "redis.functions", "the function library \(functions.library.name) is not installed: \(error.message)",
        hint: "grant the right with ACL SETUSER; `tidemark check` names all that are missing")
    }
  }

  /// Brings the least-privilege roles up to date, after ``migrate(isAdopting:)``. Returns the statements that were run.
  ///
  /// - Throws: a ``Finding``, with nothing changed, if the migrating role may not do it; the hint names the statements for an
  ///   administrator.
  package func setUp(_ roles: [GroupRole]) async throws -> [String] {
    try await withConnection { connection in
      let setup = RoleSetup(connection: connection, schema: schema, logger: logger)
      try await admit(roles, setup)
      return try await setup.apply(roles)
    }
  }

  /// Returns the statements that ``setUp(_:)`` would run, in order.
  package func dryRun(_ roles: [GroupRole]) async throws -> [String] {
    try await withConnection { connection in
      let setup = RoleSetup(connection: connection, schema: schema, logger: logger)
      var statements: [String] = []
      for role in roles { statements += try await setup.plan(role).statements }
      return statements
    }
  }

  /// Throws a ``Finding`` if ``setUp(_:)`` would be refused, so that nothing is migrated before this is known.
  package func admit(_ roles: [GroupRole]) async throws {
    try await withConnection { try await admit(roles, RoleSetup(connection: $0, schema: schema, logger: logger)) }
  }

  private func admit(_ roles: [GroupRole], _ setup: RoleSetup) async throws {
    let administrator = try await setup.administrator()
    var plans: [RolePlan] = []
    for role in roles {
      if try await setup.isOwner(role.name) { throw Finding(ofOwner: role.name, schema: schema) }
      plans.append(try await setup.plan(role))
    }
    if let finding = Finding(administrator, plans, schema: schema) { throw finding }
  }

  private func translating(_ claim: InstallationClaim, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch {
      throw claim.finding(of: error)
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
