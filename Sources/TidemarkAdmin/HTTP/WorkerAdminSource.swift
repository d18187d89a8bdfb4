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

  private let leaseTTL: Duration
  private let probes: ServerProbes
  /// The busiest actor of all, asked at most once a second.
  private let worker: Cached<WorkerStatus>
  private let heartbeat: Heartbeat
  private let report: Cached<StatusReport>
  private let exposition: Cached<String>
  private let source: any RedisSource

  /// - Parameters:
  ///   - worker: what the worker knows.
  ///   - turn: returns once the worker's machinery has made a turn; cheap, and asked only for `/livez`.
  ///   - settings: asked for each report, since a reload changes them.
  /// - Throws: ``PostgresError`` where no thread is left or the schema's name can't be quoted.
  package init(
    identity: WorkerIdentity, worker status: @escaping @Sendable () async -> WorkerStatus, turn: @escaping @Sendable () async -> Void,
    registry: PrometheusRegistry, redis: RedisConfiguration, prefix: String, postgres: PostgresConfiguration, schema: String,
    leaseTTL: Duration, builtIn: BuiltInLanes? = nil, settings: @escaping @Sendable () -> [String: StatusReport.Setting], version: String,
    logger: Logger
  ) throws {
    self.leaseTTL = leaseTTL
    heartbeat = Heartbeat(patience: .seconds(15), turn)
    let worker = Cached(for: .seconds(1), status)
    self.worker = worker
    var redis = redis
    redis.connectTimeout = Self.deadline
    redis.commandTimeout = Self.deadline
    source = redis.makeSource(prefix: prefix)
    var limits = SinkSettings(schema: schema, dedupeWindow: .zero)
    limits.connectDeadline = Self.deadline
    limits.queryDeadline = Self.deadline
    limits.extendsQueries = false
    let sink = try PostgresSink(configuration: postgres, settings: limits, destinations: [], version: version, logger: logger)
    let probes = try ServerProbes(source: source, redis: redis, sink: sink, schema: schema)
    self.probes = probes
    let reader = try StatusReader(sink: sink, source: source, schema: schema, leaseTTL: leaseTTL, builtIn: builtIn, settings: settings)
    report = Cached(for: .seconds(1)) {
      let status = await worker.value(within: Self.deadline)
      do {
        return try await reader.read(overlaying: status)
      } catch {
        return reader.remembered(status, by: identity, postgresError: "\(error)")
      }
    }
    exposition = Cached(for: .seconds(1)) {
      // What it does not tell in time is not known, and absent.
      let status = await worker.value(within: Self.deadline)
      return registry.render() + LaneExposition(status, await Self.facts(probes)).render()
    }
  }

  package func status() async -> StatusReport { await report.value }

  package func isAlive() -> Bool { heartbeat.isBeating() }

  package func metrics() async -> String { await exposition.value }

  private static func facts(_ probes: ServerProbes) async -> LaneExposition.ServerFacts {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    async let isEvictionSafe = probes.isEvictionSafe.value
    let postgresIsUp = await postgres == nil
    let counts = postgresIsUp ? await probes.counts.value : ServerProbes.Counts()
    let redisIsUp = await redis == nil
    return LaneExposition.ServerFacts(
      redisIsUp: redisIsUp, postgresIsUp: postgresIsUp, redisIsEvictionSafe: redisIsUp ? await isEvictionSafe : nil,
      deadLettersOpen: counts.deadLettersOpen, gapsOpen: counts.gapsOpen)
  }

  package func reasonsNotReady() async -> [String] {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    let status = await worker.value(within: Self.deadline)
    var reasons: [String] = []
    if status?.isDraining == true { reasons.append("worker: it is stopping; another one takes over") }
    if let problem = await redis {
      reasons.append(problem)
    } else if let error = status?.redisError {
      reasons.append("redis: the lanes can't be read: \(error)")
    }
    if let problem = await postgres {
      reasons.append(problem)
    } else if let problem = await probes.schema.value {
      reasons.append(problem)
    }
    if let status {
      if let problem = Self.leaseProblem(status.leaseAge, leaseTTL) { reasons.append(problem) }
    } else {
      reasons.append("worker: it has not answered within \(Self.deadline.components.seconds) s; its log may say why")
    }
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
