import Logging
import Metrics
import TidemarkTestKit

@testable import TidemarkCore
@testable import TidemarkEngine

/// A worker as it ships, on a machine of the simulated world.
///
/// `@unchecked Sendable`: see ``SimulatedTime``.
final class SimulatedWorker: @unchecked Sendable {
  let name: String
  let machine: SimulatedMachine
  let network: SimulatedNetwork
  let worker: Worker
  private(set) var task: Task<Void, Never>?
  private(set) var hasEnded = false

  init(name: String, world: SimulatedWorld, settings: WorkerSettings, logger: Logger) {
    self.name = name
    machine = SimulatedMachine(world.time)
    network = SimulatedNetwork(world.time)
    let sink = SimulatedSink(world.ledger, network, server: world.machine)
    worker = Worker(
      identity: WorkerIdentity(name: name, host: "here", pid: 1), settings: settings,
      source: SimulatedSource(world.redis, network, world.catalog), sink: sink, routes: SimulatedWorld.routes,
      metrics: EngineMetrics(factory: NOOPMetricsHandler.instance),
      reconciliation: ReconciliationServices(
        source: SimulatedSource(world.redis, network, world.catalog), ledger: sink, repairer: sink),
      clock: world.time, logger: logger)
  }

  func start() {
    task = Task(executorPreference: machine) { [self] in
      await worker.prepare()
      try? await worker.run()
      hasEnded = true
    }
  }

  /// SIGKILL.
  func kill() {
    network.isCut = true
    machine.thaw()
    task?.cancel()
  }

  /// SIGTERM.
  func stop() {
    Task(executorPreference: machine) { [worker] in await worker.coordinator.perform { $0.beginDrain(now: $1.now) } }
  }
}
