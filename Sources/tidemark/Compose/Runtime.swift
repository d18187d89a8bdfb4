import Foundation
import Logging
import Metrics
import ServiceLifecycle
import Synchronization
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkEngine
import TidemarkLog
import TidemarkPostgres
import TidemarkRedis

/// A running worker with its signal handling and its HTTP server; `run` and `dev` share it.
final class Runtime: Sendable {
  let worker: Worker
  private let claim: InstallationClaim
  private let composition: Composition
  private let http: AdminServer?
  private let processMetrics: ProcessMetrics
  private let current: CurrentSettings
  private let reload: @Sendable () throws -> LoadedConfiguration
  private let logger: Logger

  /// Creates the parts and starts nothing. `reload` reads the configuration again on SIGHUP. `onListening` receives the status page's URL.
  init(
    _ loaded: LoadedConfiguration, reload: @escaping @Sendable () throws -> LoadedConfiguration,
    onListening: @escaping @Sendable (String) -> Void = { _ in }
  ) throws {
    MemoryPolicy.set()
    let identity = Composition.identity()
    composition = try Composition(loaded, worker: identity)
    logger = composition.logger
    self.reload = reload
    let current = CurrentSettings(composition)
    self.current = current
    let registry = PrometheusRegistry()
    processMetrics = ProcessMetrics(factory: registry, version: Tidemark.version)
    let sink = try composition.makeSink()
    let claim = composition.makeClaim(sink, worker: identity)
    self.claim = claim
    let functions = composition.functions
    worker = Worker(
      identity: identity, settings: composition.workerSettings, source: composition.makeSource(), sink: sink,
      routes: composition.routes, metrics: EngineMetrics(factory: registry),
      claim: { areMarksForeign in
        do {
          try await claim.confirm(areMarksForeign: areMarksForeign)
        } catch let refusal as ClaimVerdict.Refusal {
          let finding = claim.finding(of: refusal)
          throw ClaimRefused("\(finding.subject): \(finding.text)", hint: finding.hint ?? "")
        }
      },
      functions: {
        do {
          return try await functions.install()
        } catch let error as RedisError where error.isRetryable {
          // The log tells of a server that is away once, not for each part of the worker.
          throw SourceError(.unavailable, error.description)
        }
      },
      hot: try composition.makeHotServices(), snapshots: sink, seals: try composition.makeSealServices(),
      reconciliation: try composition.makeReconciliationServices(), stateCheck: try composition.makeStateCheckServices(), tuned: current,
      logger: logger)
    do {
      http = try AdminSettings(loaded.configuration.http).map { [composition, worker, logger] settings in
        AdminServer(
          settings: settings,
          source: try WorkerAdminSource(
            identity: identity, worker: { await worker.coordinator.status() }, turn: { await worker.coordinator.turn() },
            registry: registry, redis: composition.redis, postgres: composition.postgres,
            schema: composition.schema, leaseTTL: loaded.configuration.lease.ttl,
            settings: { _ in StatusReport.settings(of: current.inForce) },
            lanes: { (try? Composition(current.inForce.loaded))?.lanes ?? composition.lanes }, read: { current.inForce.read },
            version: Tidemark.version, logger: logger),
          logger: logger, onListening: { url in onListening(url) })
      }
    } catch let error as AdminError {
      throw CommandFailure.wrong(error.description)
    }
    for warning in loaded.warnings { logger.log(.configurationReserved, [.warning: "\(warning)"]) }
  }

  /// Runs until a signal stops the worker, or until `additional` is done.
  func run(_ additional: [any Service] = []) async throws {
    let replicator = Replicator(composition: composition, worker: worker, claim: claim, logger: logger)
    let all: [any Service] = [replicator] + (http.map { [$0] } ?? []) + additional
    let services = all.map { service in
      ServiceGroupConfiguration.ServiceConfiguration(
        service: service, successTerminationBehavior: .gracefullyShutdownGroup, failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    // The service group's log lines would repeat the worker's own.
    let silent = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: services, logger: silent))
    let signals = SignalWatch(
      reload: { await self.reloaded() }, stop: { await group.triggerGracefulShutdown() }, logger: logger)
    do {
      try await withThrowingTaskGroup { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask {
          await signals.run()
          // This point is reached only by cancellation, after the services have ended.
          throw CancellationError()
        }
        try await tasks.next()
        tasks.cancelAll()
      }
    } catch let error as AdminError {
      throw CommandFailure.found(error.description)
    }
  }

  /// Applies the reloadable settings of the new configuration. An invalid configuration changes nothing.
  private func reloaded() async {
    do {
      let reloaded = try current.reload(try reload())
      await worker.coordinator.perform { [current] in $0.apply(current.workerSettings, now: $1.now) }
      if reloaded.changed.contains("lanes") { await worker.prepare() }
      if !reloaded.kept.isEmpty {
        logger.log(
          .configurationNeedsRestart,
          [
            .kept: "\(reloaded.kept.joined(separator: ","))",
            .notInForce: "\(reloaded.waiting)",
            .hint: "restart the worker to change these",
          ])
      }
      for refused in reloaded.refused { refused.log(to: logger) }
      processMetrics.reloaded(reloaded.kept.isEmpty)
      logger.log(.configurationReloaded, [.changed: "\(reloaded.changed.joined(separator: ","))"])
    } catch {
      processMetrics.reloaded(false)
      let problems = (error as? CommandFailure)?.lines ?? (error as? ConfigurationError)?.problems.map(\.description) ?? ["\(error)"]
      for problem in problems {
        logger.log(.configurationRefused, [.problem: "\(problem)", .effect: "the running configuration is kept"])
      }
    }
  }
}
