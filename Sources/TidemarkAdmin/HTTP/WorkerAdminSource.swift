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
  ///   - settings: asked for each report, since a reload changes them; so are `lanes`: which there are by the configuration.
  /// - Throws: ``PostgresError`` where no thread is left or the schema's name can't be quoted.
  package init(
    identity: WorkerIdentity, worker status: @escaping @Sendable () async -> WorkerStatus, turn: @escaping @Sendable () async -> Void,
    registry: PrometheusRegistry, redis: RedisConfiguration, prefix: String, postgres: PostgresConfiguration, schema: String,
    leaseTTL: Duration, builtIn: BuiltInLanes? = nil, settings: @escaping @Sendable () -> [String: StatusReport.Setting],
    lanes: @escaping @Sendable () -> WorkerSettings? = { nil }, version: String, logger: Logger
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
    let probes = try ServerProbes(source: source, redis: redis, sink: sink, schema: schema, leaseTTL: leaseTTL)
    self.probes = probes
    let reader = try StatusReader(
      sink: sink, source: source, schema: schema, leaseTTL: leaseTTL, builtIn: builtIn, namedLanes: { lanes()?.namedLanes ?? [] },
      patterns: { lanes()?.patterns ?? [] }, settings: settings)
    let report = Cached(for: .seconds(1)) {
      let status = await worker.value(within: Self.deadline)
      do {
        return try await reader.read(overlaying: status)
      } catch {
        return reader.remembered(status, by: identity, postgresError: "\(error)")
      }
    }
    self.report = report
    exposition = Cached(for: .seconds(1)) {
      // What it does not tell in time is not known, and absent.
      let status = await worker.value(within: Self.deadline)
      return registry.render() + LaneExposition(status, await Self.facts(probes, report, lanes())).render() + ProcessExposition.render()
    }
  }

  package func status() async -> StatusReport { await report.value }

  package func isAlive() -> Bool { heartbeat.isBeating() }

  package func metrics() async -> String { await exposition.value }

  private static func facts(
    _ probes: ServerProbes, _ report: Cached<StatusReport>, _ settings: WorkerSettings?
  ) async -> LaneExposition.ServerFacts {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    async let isEvictionSafe = probes.isEvictionSafe.value
    let status = await report.value
    func all(_ counts: [Int?]) -> Int64? {
      let known = counts.compactMap(\.self)
      return status.postgres.isUp && known.count == counts.count ? Int64(known.reduce(0, +)) : nil
    }
    let redisIsUp = await redis == nil
    return LaneExposition.ServerFacts(
      redisIsUp: redisIsUp, postgresIsUp: await postgres == nil, redisIsEvictionSafe: redisIsUp ? await isEvictionSafe : nil,
      deadLettersOpen: all(status.lanes.map(\.deadLettersOpen)), gapsOpen: all(status.lanes.map(\.gapsOpen)),
      lag: redisIsUp ? status.lag { settings?.covers($0) ?? true } : LaneLag(entries: nil, seconds: nil))
  }

  package func reasonsNotReady() async -> [String] {
    async let redis = probes.redis.value
    async let postgres = probes.postgres.value
    let status = await worker.value(within: Self.deadline)
    let postgresProblem = await postgres
    return Readiness(
      redisProblem: await redis, postgresProblem: postgresProblem,
      schemaProblem: postgresProblem == nil ? await probes.schema.value : nil, worker: status,
      unowned: postgresProblem == nil ? await probes.unowned.value : nil, leaseTTL: leaseTTL, patience: Self.deadline
    ).reasons
  }

  /// Closes the connections to Redis; those to Postgres end with the last reference.
  package func close() async { await source.close() }
}
