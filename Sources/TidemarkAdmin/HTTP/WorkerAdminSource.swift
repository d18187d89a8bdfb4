package import Logging
package import TidemarkCore
package import TidemarkEngine
package import TidemarkPostgres
package import TidemarkRedis

/// What a running worker tells over HTTP: its memory, the ledger, and whether the servers answer.
///
/// It has connections of its own, with short deadlines, so that a question never waits for the flow nor the flow for a question.
package struct WorkerAdminSource: AdminSource {
  private static let deadline = Duration.seconds(2)

  private let identity: WorkerIdentity
  private let coordinator: LaneCoordinator
  private let registry: PrometheusRegistry
  private let leaseTTL: Duration
  private let probes: ServerProbes
  private let report: Cached<StatusReport>
  private let source: any RedisSource

  /// - Parameter settings: asked for each report, since a reload changes them.
  /// - Throws: ``PostgresError`` where no thread is left or the schema's name can't be quoted.
  package init(
    identity: WorkerIdentity, coordinator: LaneCoordinator, registry: PrometheusRegistry, redis: RedisConfiguration, prefix: String,
    postgres: PostgresConfiguration, schema: String, leaseTTL: Duration,
    settings: @escaping @Sendable () -> [String: StatusReport.Setting], version: String, logger: Logger
  ) throws {
    self.identity = identity
    self.coordinator = coordinator
    self.registry = registry
    self.leaseTTL = leaseTTL
    var redis = redis
    redis.connectTimeout = Self.deadline
    redis.commandTimeout = Self.deadline
    source = redis.makeSource(prefix: prefix)
    var limits = SinkSettings(schema: schema, dedupeWindow: .zero)
    limits.connectDeadline = Self.deadline
    limits.queryDeadline = Self.deadline
    limits.extendsQueries = false
    let sink = try PostgresSink(configuration: postgres, settings: limits, destinations: [], version: version, logger: logger)
    probes = try ServerProbes(source: source, redis: redis, sink: sink, schema: schema)
    let reader = try StatusReader(sink: sink, source: source, schema: schema, leaseTTL: leaseTTL, settings: settings)
    report = Cached(for: .seconds(1)) {
      let status = await coordinator.status()
      do {
        return try await reader.read(overlaying: status)
      } catch {
        return reader.remembered(status, by: identity, postgresError: "\(error)")
      }
    }
  }

  package func status() async -> StatusReport { await report.value }

  package func isAlive() async -> Bool {
    // Whoever holds up the coordinator holds up this answer, and the probe's patience ends.
    _ = await coordinator.status()
    return true
  }

  package func metrics() async -> String {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    async let isEvictionSafe = probes.isEvictionSafe.value
    let postgresIsUp = await postgres == nil
    let counts = postgresIsUp ? await probes.counts.value : ServerProbes.Counts()
    let redisIsUp = await redis == nil
    let facts = LaneExposition.ServerFacts(
      redisIsUp: redisIsUp, postgresIsUp: postgresIsUp, redisIsEvictionSafe: redisIsUp ? await isEvictionSafe : nil,
      deadLettersOpen: counts.deadLettersOpen, gapsOpen: counts.gapsOpen)
    return registry.render() + LaneExposition(await coordinator.status(), facts).render()
  }

  package func reasonsNotReady() async -> [String] {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    let status = await coordinator.status()
    var reasons: [String] = []
    if status.isDraining { reasons.append("worker: it is stopping; another one takes over") }
    if let problem = await redis {
      reasons.append(problem)
    } else if let error = status.redisError {
      reasons.append("redis: the lanes can't be read: \(error)")
    }
    if let problem = await postgres {
      reasons.append(problem)
    } else if let problem = await probes.schema.value {
      reasons.append(problem)
    }
    if let problem = Self.leaseProblem(status.leaseAge, leaseTTL) { reasons.append(problem) }
    return reasons
  }

  /// Nil while the leases are current.
  static func leaseProblem(_ age: Duration?, _ ttl: Duration) -> String? {
    guard let age else { return "leases: this worker has not reached PostgreSQL for its leases yet; its log says why" }
    guard age >= ttl else { return nil }
    return "leases: renewed \(StatusTable.seconds(age.seconds)) s ago, longer than lease.ttl of \(StatusTable.seconds(ttl.seconds)) s: "
      + "another worker may have taken the lanes; the log says why, a slow PostgreSQL wants a longer lease.ttl"
  }

  /// Closes the connections to Redis; those to Postgres end with the last reference.
  package func close() async { await source.close() }
}
