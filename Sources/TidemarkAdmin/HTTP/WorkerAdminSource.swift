package import Logging
package import TidemarkConfiguration
package import TidemarkCore
internal import TidemarkLog
package import TidemarkPostgres
package import TidemarkRedis

/// Provides a running worker's data over HTTP: its status, the ledger, and whether the servers answer.
///
/// Uses its own connections with short deadlines, so that HTTP requests and replication never wait for each other.
package struct WorkerAdminSource: AdminSource {
  private static let deadline = Duration.seconds(2)

  private let leaseTTL: Duration
  private let probes: ServerProbes
  /// The worker's status. The coordinator is the busiest actor, so it is asked at most once a second.
  private let worker: Cached<WorkerStatus>
  private let heartbeat: Heartbeat
  private let report: Cached<StatusReport>
  private let exposition: Cached<String>
  private let source: any RedisSource
  private let tuner: Tuner
  private let logger: Logger

  /// - Parameters:
  /// - worker: returns the worker's status.
  /// - turn: returns once the worker has made progress; cheap, and called only for `/livez`.
  /// - settings: returns the current settings; called for each report, because a reload changes them. `lanes` returns the configured lanes
  ///   in the same way. `read` returns what file, environment and flags say, over which operators tune.
  /// - Throws: ``PostgresError`` if no thread can be started or the schema's name can't be quoted.
  package init(
    identity: WorkerIdentity, worker status: @escaping @Sendable () async -> WorkerStatus, turn: @escaping @Sendable () async -> Void,
    registry: PrometheusRegistry, redis: RedisConfiguration, postgres: PostgresConfiguration, schema: String,
    leaseTTL: Duration, settings: @escaping @Sendable ([TunedSetting]) -> [String: StatusReport.Setting],
    lanes: @escaping @Sendable () -> LaneCatalog, read: @escaping @Sendable () -> LoadedConfiguration, version: String, logger: Logger
  ) throws {
    self.leaseTTL = leaseTTL
    heartbeat = Heartbeat(patience: .seconds(15), turn)
    let worker = Cached(for: .seconds(1), status)
    self.worker = worker
    var redis = redis
    redis.connectTimeout = Self.deadline
    redis.commandTimeout = Self.deadline
    source = redis.makeSource(lanes: lanes())
    var limits = SinkSettings(schema: schema, dedupeWindow: .zero)
    limits.connectDeadline = Self.deadline
    limits.queryDeadline = Self.deadline
    limits.extendsQueries = false
    let sink = try PostgresSink(configuration: postgres, settings: limits, destinations: [], version: version, logger: logger)
    tuner = Tuner(store: try TuningStore(sink: sink, schema: schema), read: read)
    self.logger = logger
    let probes = try ServerProbes(source: source, redis: redis, sink: sink, schema: schema, leaseTTL: leaseTTL)
    self.probes = probes
    let reader = try StatusReader(
      sink: sink, source: source, schema: schema, leaseTTL: leaseTTL, lanes: lanes, settings: settings)
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
      // Values that the worker does not provide in time are unknown, and absent.
      let status = await worker.value(within: Self.deadline)
      return registry.render() + LaneExposition(status, await Self.facts(probes, report, lanes())).render() + ProcessExposition.render()
    }
  }

  package func status() async -> StatusReport { await report.value }

  package func isAlive() -> Bool { heartbeat.isBeating() }

  package func metrics() async -> String { await exposition.value }

  private static func facts(
    _ probes: ServerProbes, _ report: Cached<StatusReport>, _ lanes: LaneCatalog
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
      lag: redisIsUp ? status.lag { lanes.profile(of: $0) != nil } : LaneLag(entries: nil, seconds: nil))
  }

  package func tuning() async throws -> TuneListing { try await tuner.listing(history: Tuner.shownHistory) }

  package func tune(_ order: TuneOrder) async throws -> TuneChange {
    let change = try await tuner.perform(order)
    logger.log(.tuneReceived, [.by: "\(order.by)", .changed: "\(change.summary)", .reason: "\(order.why ?? "")"])
    return change
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

  /// Closes the connections to Redis; those to Postgres close with the last reference.
  package func close() async { await source.close() }
}
