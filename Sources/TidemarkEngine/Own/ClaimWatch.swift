internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Compares the installation's ids in both servers while the worker runs: every second, before lanes are acquired, and when a lane's marks turn
/// out to be another installation's.
///
/// An emptied Redis gets the claim back and its function library, and marks that bear another id than the claim get the claim's. Where Redis and the ledger don't belong
/// together any more, all lanes are released, and nothing is read, published or trimmed until they do. A server that does not answer changes
/// nothing: that is not what this watches.
struct ClaimWatch: Sendable {
  static let interval = Duration.seconds(1)

  /// Compares both servers. Its argument: marks bear another installation's id.
  let claim: @Sendable (Bool) async throws -> Void
  /// Installs the function library where a server lacks it. Returns the addresses of these servers.
  let functions: @Sendable () async throws -> [String]
  let coordinator: LaneCoordinator
  private let logger: Logger
  private let failures: FailureLog<String>
  private let refusals: FailureLog<String>

  init(
    claim: @escaping @Sendable (Bool) async throws -> Void, functions: @escaping @Sendable () async throws -> [String],
    coordinator: LaneCoordinator, logger: Logger
  ) {
    self.claim = claim
    self.functions = functions
    self.coordinator = coordinator
    self.logger = logger
    failures = FailureLog(failing: .installationUnconfirmed, recovered: .installationCurrent, clock: coordinator.clock, logger: logger)
    refusals = FailureLog(failing: .functionsMissing, recovered: .functionsCurrent, clock: coordinator.clock, logger: logger)
  }

  /// Until cancelled.
  func run() async {
    var seen = coordinator.signals[.claim].generation
    var areMarksForeign = false
    while !Task.isCancelled {
      if await confirm(areMarksForeign: areMarksForeign) { await installFunctions() }
      await coordinator.signals[.claim].wait(after: seen, until: coordinator.clock.now.advanced(by: Self.interval), on: coordinator.clock)
      let generation = coordinator.signals[.claim].generation
      areMarksForeign = generation != seen
      seen = generation
    }
  }

  /// Replication needs no functions, so a failure has no effect but a line in the log.
  private func installFunctions() async {
    do {
      let servers = try await functions()
      refusals.succeeded()
      if !servers.isEmpty { logger.log(.functionsInstalled, [.servers: "\(servers.joined(separator: ","))"]) }
    } catch {
      if !Task.isCancelled { refusals.failed("", error, [.effect: "agents can't call the functions there; replication goes on"]) }
    }
  }

  /// Compares now. False where lanes may not be served.
  @discardableResult
  func confirm(areMarksForeign: Bool = false) async -> Bool {
    do {
      try await claim(areMarksForeign)
      failures.succeeded()
      await coordinator.perform { state, _ in state.claimConfirmed() }
    } catch let refusal as ClaimRefused {
      await coordinator.perform { state, _ in state.claimRefused(refusal) }
    } catch {
      if !Task.isCancelled { failures.failed(error) }
    }
    return await coordinator.claimRefusal == nil
  }
}
