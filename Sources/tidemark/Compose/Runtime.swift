import Foundation
import Logging
import Metrics
import ServiceLifecycle
import TidemarkAdmin
import TidemarkConfiguration
import TidemarkCore
import TidemarkEngine
import TidemarkPostgres
import TidemarkRedis

/// A running worker with its signals and its HTTP side: what `run` and `dev` share.
final class Runtime: Sendable {
  let worker: Worker
  private let composition: Composition
  private let current: Current
  private let reload: @Sendable () throws -> LoadedConfiguration
  private let logger: Logger

  /// `reload` reads the configuration anew, on SIGHUP.
  init(_ loaded: LoadedConfiguration, reload: @escaping @Sendable () throws -> LoadedConfiguration) throws {
    composition = try Composition(loaded)
    logger = composition.logger
    self.reload = reload
    current = Current(loaded)
    worker = Worker(
      identity: Composition.identity(), settings: composition.workerSettings, source: composition.makeSource(),
      sink: try composition.makeSink(), routes: composition.routes, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance),
      logger: logger)
    for warning in loaded.warnings { logger.warning("configuration.reserved", metadata: ["warning": "\(warning)"]) }
  }

  /// Until a signal stops it, or `additional` is over.
  func run(_ additional: [any Service] = []) async throws {
    let replicator = Replicator(composition: composition, worker: worker, logger: logger)
    let services = ([replicator] as [any Service] + additional).map { service in
      ServiceGroupConfiguration.ServiceConfiguration(
        service: service, successTerminationBehavior: .gracefullyShutdownGroup, failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    // Its own lines would say what ours say already.
    let silent = Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: services, logger: silent))
    let signals = SignalWatch(
      reload: { await self.reloaded() }, stop: { await group.triggerGracefulShutdown() }, logger: logger)
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await group.run() }
      tasks.addTask {
        await signals.run()
        // Only when cancelled, by the end of the services.
        throw CancellationError()
      }
      try await tasks.next()
      tasks.cancelAll()
    }
  }

  /// Takes what can be taken while it runs. A configuration that is wrong changes nothing.
  private func reloaded() async {
    do {
      let new = try reload()
      let changes = new.changes(from: await current.loaded)
      for key in changes.needsRestart { logger.warning("configuration.needs_restart", metadata: ["key": "\(key)"]) }
      await worker.coordinator.apply(try Composition(new).workerSettings)
      await current.set(new)
      logger.info("configuration.reloaded", metadata: ["changed": "\(changes.reloadable.joined(separator: ","))"])
    } catch let failure as CommandFailure {
      for line in failure.lines { logger.error("configuration.refused", metadata: ["problem": "\(line)"]) }
    } catch {
      logger.error("configuration.refused", metadata: ["problem": "\(error)"])
    }
  }
}

/// The configuration that is in force.
actor Current {
  private(set) var loaded: LoadedConfiguration

  init(_ loaded: LoadedConfiguration) {
    self.loaded = loaded
  }

  func set(_ new: LoadedConfiguration) { loaded = new }
}
