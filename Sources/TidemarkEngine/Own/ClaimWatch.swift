internal import Logging
internal import TidemarkCore

/// Compares the installation's ids in both servers while the worker runs: every second, before lanes are acquired, and when a lane's marks turn
/// out to be another installation's.
///
/// An emptied Redis gets the claim back, and marks that bear another id than the claim get the claim's. Where Redis and the ledger don't belong
/// together any more, all lanes are released, and nothing is read, published or trimmed until they do. A server that does not answer changes
/// nothing: that is not what this watches.
struct ClaimWatch: Sendable {
  static let interval = Duration.seconds(1)

  /// Compares both servers. Its argument: marks bear another installation's id.
  let claim: @Sendable (Bool) async throws -> Void
  let coordinator: LaneCoordinator
  private let failures: FailureLog<String>

  init(claim: @escaping @Sendable (Bool) async throws -> Void, coordinator: LaneCoordinator, logger: Logger) {
    self.claim = claim
    self.coordinator = coordinator
    failures = FailureLog(failing: "installation.unconfirmed", recovered: "installation.current", clock: coordinator.clock, logger: logger)
  }

  /// Until cancelled.
  func run() async {
    var seen = coordinator.signals[.claim].generation
    var areMarksForeign = false
    while !Task.isCancelled {
      await confirm(areMarksForeign: areMarksForeign)
      await coordinator.signals[.claim].wait(after: seen, until: coordinator.clock.now.advanced(by: Self.interval), on: coordinator.clock)
      let generation = coordinator.signals[.claim].generation
      areMarksForeign = generation != seen
      seen = generation
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
