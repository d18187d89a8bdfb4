import Foundation
import Logging
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkEngine
import TidemarkLog
import TidemarkPostgres
import TidemarkRedis

/// Builds the concrete parts of the program from a configuration. No other type knows all of them.
struct Composition {
  let loaded: LoadedConfiguration
  let redis: RedisConfiguration
  let postgres: PostgresConfiguration
  let logger: Logger
  let logLevel: LogLevel
  let routes = RouteTable.builtIn

  private var configuration: Configuration { loaded.configuration }

  /// Throws ``CommandFailure`` for an invalid address.
  ///
  /// - Parameter worker: the worker whose name every log event gets; nil for a command.
  init(_ loaded: LoadedConfiguration, worker: WorkerIdentity? = nil) throws {
    self.loaded = loaded
    logLevel = LogLevel(loaded.configuration.log.level)
    var logger = Logger.tidemark(loaded.configuration.log.format, at: logLevel)
    if let worker { logger[metadataKey: LogKey.worker.rawValue] = "\(worker.name)" }
    self.logger = logger
    let (redis, postgres) = (loaded.configuration.redis, loaded.configuration.postgres)
    do {
      var configuration = try RedisConfiguration(
        url: redis.url.text, password: redis.password?.value, username: redis.username, tlsCAFile: redis.tls.caFile,
        tlsCertificateFile: redis.tls.certificateFile, tlsKeyFile: redis.tls.keyFile)
      configuration.sentinelUsername = redis.sentinel.username
      configuration.sentinelPassword = redis.sentinel.password?.value
      configuration.passwordSource = Self.passwordSource("redis.password", loaded)
      configuration.sentinelPasswordSource = Self.passwordSource("redis.sentinel.password", loaded)
      self.redis = configuration
    } catch {
      throw CommandFailure.wrong("\(loaded.source(of: "redis.url")): \(error.message)")
    }
    do {
      var configuration = try PostgresConfiguration(
        url: postgres.url.text, password: postgres.password?.value, lockTimeout: postgres.lockTimeout,
        statementTimeout: postgres.statementTimeout)
      configuration.passwordSource = Self.passwordSource("postgres.password", loaded)
      self.postgres = configuration
    } catch {
      throw CommandFailure.wrong("\(loaded.source(of: "postgres.url")): postgres.url: \(error); correct postgres.url")
    }
  }

  private static func passwordSource(_ key: String, _ loaded: LoadedConfiguration) -> PasswordSource? {
    loaded.secretFile(of: key).map { file in PasswordSource(place: file.path) { file.read() } }
  }

  var schema: String { configuration.postgres.schema }
  var prefix: String { configuration.redis.prefix }
  var partitions: Int { configuration.state.partitions }
  var refusesForgotten: Bool { configuration.forget.isRefusing }

  var lanes: LaneCatalog {
    LaneCatalog(
      prefix: prefix, partitions: configuration.state.isEnabled ? partitions : nil,
      items: configuration.lanes.map(\.item))
  }

  var decodeLimits: EntryDecoder.Limits {
    EntryDecoder.Limits(
      maxEntryBytes: configuration.limits.maxEntryBytes.bytes, maxFields: configuration.limits.maxFields,
      replacesNUL: configuration.text.unstorable == .replace)
  }

  var workerSettings: WorkerSettings {
    let batch = configuration.batch
    return WorkerSettings(
      flow: FlowLimits(
        maxEntries: batch.maxEntries, maxBytes: batch.maxBytes.bytes, maxDelay: batch.maxDelay,
        bufferBytes: configuration.buffer.maxBytes.bytes, maxEntryBytes: configuration.limits.maxEntryBytes.bytes,
        maxFields: configuration.limits.maxFields, haltAfterDeadLetters: configuration.deadLetters.haltAfter,
        haltBackoff: configuration.retry.cap),
      decode: decodeLimits,
      retry: RetryPolicy(base: configuration.retry.base, cap: configuration.retry.cap),
      lanes: lanes, writers: configuration.postgres.writers, discover: configuration.discover, leaseTTL: configuration.lease.ttl,
      checkpointInterval: configuration.checkpoint.interval, retention: retentionLimits, rewind: rewind,
      trim: TrimLimits(
        isEnabled: configuration.trim.isEnabled, keep: configuration.trim.keep, keepBytes: configuration.trim.keepBytes.bytes,
        ignoredGroups: Set(configuration.trim.ignoreGroups)),
      pressure: PressureLimits(
        slow: configuration.pressure.slow, stop: configuration.pressure.stop, memory: Double(configuration.pressure.memory) / 100),
      functions: FunctionSettings(
        isEnforced: configuration.pressure.enforce, hotMessages: configuration.hot.messages,
        maxEntryBytes: configuration.limits.maxEntryBytes.bytes, maxFields: configuration.limits.maxFields),
      evictIdleAfter: configuration.hot.evictIdleAfter,
      snapshots: SnapshotPolicy(
        everyChanges: configuration.snapshot.everyChanges, every: configuration.snapshot.every, types: configuration.snapshot.on),
      sealInterval: configuration.seal.interval,
      reconciliation: ReconciliationLimits(
        interval: configuration.reconcile.interval, rate: configuration.reconcile.rate, repair: repair))
  }

  private var repair: ReconciliationLimits.Repair {
    switch configuration.reconcile.repair {
    case .none: .none
    case .missing: .missing
    case .all: .all
    }
  }

  private var retentionLimits: RetentionLimits {
    let retention = configuration.retention
    return RetentionLimits(
      checkpoints: retention.checkpoints, resolvedDeadLetters: retention.deadLettersResolved,
      snapshotsPerSession: retention.snapshotsPerSession, dedupeWindow: configuration.dedupe.window)
  }

  private var rewind: WorkerSettings.Rewind {
    switch configuration.rewind {
    case .halt: .halt
    case .resume: .resume
    case .reseed: .reseed
    }
  }

  func makeSource() -> any RedisSource { redis.makeSource(lanes: lanes) }

  func makeSink() throws -> PostgresSink {
    try PostgresSink(
      configuration: postgres, settings: SinkSettings(schema: schema, dedupeWindow: configuration.dedupe.window),
      destinations: routes.destinations, version: Tidemark.version, logger: logger)
  }

  func makeRejectedNames() -> RejectedNames { RejectedNames(redis, lanes: lanes) }

  func makeDeadLetters() throws -> DeadLetterStore {
    try DeadLetterStore(sink: try makeSink(), schema: schema, routes: routes, limits: decodeLimits, lanes: lanes)
  }

  /// The hot state of sessions, over connections of its own.
  func makeHotStore() -> RedisHotStore { RedisHotStore(redis, lanes: lanes, name: "tidemark-sessions") }

  /// What a worker serves sessions with; nil where the lanes of the partitions are off. It has connections of its own, so that a large restore
  /// delays neither leases nor marks.
  func makeHotServices() throws -> HotServices? {
    guard lanes.partitions != nil else { return nil }
    return HotServices(store: makeHotStore(), ledger: try makeSink(), doorbell: makeSource())
  }

  /// The heads of the chains of seals in Redis, over connections of its own.
  func makeSealHeads() -> RedisSealHeads { RedisSealHeads(redis, lanes: lanes, name: "tidemark-seals") }

  func makeSealServices() throws -> SealServices { SealServices(ledger: try makeSink(), heads: makeSealHeads()) }

  /// What the state is checked with, over connections of its own; nil where the lanes of the partitions are off.
  func makeStateCheckServices() throws -> StateCheckServices? {
    guard lanes.partitions != nil else { return nil }
    return StateCheckServices(store: makeHotStore(), ledger: try makeSink())
  }

  func makeStateReconcileRun(_ sink: PostgresSink, _ store: RedisHotStore, _ options: ReconcileOptions) -> StateReconcileRun {
    StateReconcileRun(store: store, ledger: sink, lanes: lanes, messages: configuration.hot.messages, options: options)
  }

  /// What lanes are compared with Postgres with, over connections of its own.
  func makeReconciliationServices() throws -> ReconciliationServices {
    let sink = try makeSink()
    return ReconciliationServices(source: makeSource(), ledger: sink, repairer: try sink.makeReplayer())
  }

  /// The comparison of the command `reconcile`, and what closes its connections.
  func makeReconcileRun(
    _ sink: PostgresSink, _ options: ReconcileOptions
  ) throws -> (run: ReconcileRun, close: @Sendable () async -> Void) {
    let source = makeSource()
    let repairer = PatientRepairer(try sink.makeReplayer())
    let reconciler = LogReconciler(
      services: ReconciliationServices(source: source, ledger: sink, repairer: repairer), routes: routes, limits: decodeLimits,
      wholeBytes: decodeLimits.maxEntryBytes)
    let run = ReconcileRun(reconciler: reconciler, ledger: sink, lanes: lanes, options: options)
    return (
      run,
      {
        await source.close()
        await repairer.close()
      }
    )
  }

  func makeStatusStore(_ sink: PostgresSink) throws -> StatusStore { try StatusStore(sink: sink, schema: schema) }

  func makeRestorer(_ sink: PostgresSink, _ store: RedisHotStore, for installation: InstallationID) -> SessionRestorer {
    SessionRestorer(ledger: sink, store: store, lanes: lanes, installation: installation, messages: configuration.hot.messages)
  }

  func makeLaneStore() throws -> LaneStore { try LaneStore(sink: try makeSink(), schema: schema) }

  /// The settings of the report are those that a worker with this configuration would have in force.
  func makeStatusReader() throws -> StatusReader {
    let (loaded, lanes) = (loaded, lanes)
    return try StatusReader(
      sink: try makeSink(), source: makeSource(), schema: schema, leaseTTL: configuration.lease.ttl, lanes: { lanes },
      settings: { StatusReport.settings(of: SettingsInForce(loaded, rows: $0)) })
  }

  func makeTuner() throws -> Tuner {
    let loaded = loaded
    return Tuner(store: try TuningStore(sink: try makeSink(), schema: schema), read: { loaded })
  }

  var functions: FunctionInstaller { FunctionInstaller(prefix: prefix, redis: redis) }

  var installation: Installation {
    Installation(
      postgres: postgres, redis: redis, schema: schema, prefix: prefix, partitions: partitions,
      leaseTTL: configuration.lease.ttl, logger: logger)
  }

  /// - Parameter worker: the worker that confirms the claim; nil for a command.
  func makeClaim(_ sink: PostgresSink, worker: WorkerIdentity? = nil) -> InstallationClaim {
    InstallationClaim(
      sink: sink, redis: redis, schema: schema, prefix: prefix, partitions: partitions, worker: worker?.name,
      within: configuration.lease.ttl)
  }

  var benchPlace: BenchPlace {
    // The benchmark creates and drops its schema many times, which would log a line each time.
    var quiet = logger
    quiet.logLevel = max(.warning, logger.logLevel)
    return BenchPlace(
      postgres: postgres, redis: redis, schema: schema, lanes: BuiltInLanes(prefix: prefix, partitions: partitions), logger: quiet)
  }

  var postgresCheck: PostgresCheck { PostgresCheck(postgres, schema: schema, destinations: routes.destinations, logger: logger) }

  /// Returns the findings of `check` for both servers. The servers are compared only if each of them passed its own checks.
  func findings() async throws -> [Finding] {
    let findings = await postgresCheck.findings(triesStatements: true) + redisCheck.findings(namesUnreadStreams: true)
    // If the role may not read the tables, the comparison can't read them either.
    let isBlind = findings.contains { $0.subject == "postgres.privileges" && $0.severity != .ok }
    guard !isBlind, !findings.contains(where: { $0.severity == .problem || $0.severity == .unreachable }) else { return findings }
    let claim = makeClaim(try makeSink())
    defer { Task { await claim.close() } }
    return findings + (await claim.findings())
  }

  var redisCheck: RedisCheck {
    RedisCheck(redis, lanes: lanes, isTrimming: configuration.trim.isEnabled)
  }

  /// Returns a name that no other worker has, and no earlier run of this worker had.
  static func identity() -> WorkerIdentity {
    let host = host
    let pid = ProcessInfo.processInfo.processIdentifier
    let run = String(UInt32.random(in: .min ... .max), radix: 36)
    return WorkerIdentity(name: "\(host)-\(pid)-\(run)", host: host, pid: pid)
  }

  /// The name of this machine.
  static var host: String {
    // Foundation's host name would ask a name server.
    var name = [CChar](repeating: 0, count: 256)
    let isKnown = gethostname(&name, name.count - 1) == 0
    return isKnown ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "localhost"
  }
}
