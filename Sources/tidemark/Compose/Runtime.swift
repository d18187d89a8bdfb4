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
  private let current: Current
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
    let current = Current(loaded)
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
      hot: try composition.makeHotServices(), snapshots: sink,
      reconciliation: try composition.makeReconciliationServices(), stateCheck: try composition.makeStateCheckServices(), logger: logger)
    do {
      http = try AdminSettings(loaded.configuration.http).map { [composition, worker, logger] settings in
        AdminServer(
          settings: settings,
          source: try WorkerAdminSource(
            identity: identity, worker: { await worker.coordinator.status() }, turn: { await worker.coordinator.turn() },
            registry: registry, redis: composition.redis, postgres: composition.postgres,
            schema: composition.schema, leaseTTL: loaded.configuration.lease.ttl, settings: { StatusReport.settings(of: current.loaded) },
            lanes: { (try? Composition(current.loaded))?.lanes ?? composition.lanes },
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
      let new = try reload()
      // A reload refuses whatever a restart would refuse.
      _ = try Composition(new)
      let changes = new.changes(from: current.loaded)
      let inForce = try current.loaded.reloading(new)
      var settings = try Composition(inForce).workerSettings
      let waiting = new.differences(of: changes.needsRestart, from: inForce).joined(separator: ", ")
      settings.notInForce = waiting.isEmpty ? nil : waiting
      await worker.coordinator.perform { [settings] in $0.apply(settings, now: $1.now) }
      if changes.reloadable.contains("lanes") { await worker.prepare() }
      current.set(inForce)
      if !changes.needsRestart.isEmpty {
        logger.log(
          .configurationNeedsRestart,
          [
            .kept: "\(changes.needsRestart.joined(separator: ","))",
            .notInForce: "\(waiting)",
            .hint: "restart the worker to change these",
          ])
      }
      processMetrics.reloaded(changes.needsRestart.isEmpty)
      logger.log(.configurationReloaded, [.changed: "\(changes.reloadable.joined(separator: ","))"])
    } catch {
      processMetrics.reloaded(false)
      let problems = (error as? CommandFailure)?.lines ?? (error as? ConfigurationError)?.problems.map(\.description) ?? ["\(error)"]
      for problem in problems {
        logger.log(.configurationRefused, [.problem: "\(problem)", .effect: "the running configuration is kept"])
      }
    }
  }
}

/// The configuration in force.
final class Current: Sendable {
  private let state: Mutex<LoadedConfiguration>

  init(_ loaded: LoadedConfiguration) {
    state = Mutex(loaded)
  }

  var loaded: LoadedConfiguration { state.withLock { $0 } }

  func set(_ new: LoadedConfiguration) { state.withLock { $0 = new } }
}
