internal import Logging
internal import TidemarkCore

/// Compares the installation's ids in both servers while the worker runs: every second, before lanes are acquired, and when a lane's marks turn
/// out to be another installation's.
///
/// An emptied Redis gets the claim back. Where Redis and the ledger don't belong together any more, all lanes are released, and nothing is
/// read, published or trimmed until they do. A server that does not answer changes nothing: that is not what this watches.
struct ClaimWatch: Sendable {
  static let interval = Duration.seconds(1)

  let claim: @Sendable () async throws -> Void
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    while !Task.isCancelled {
      let seen = coordinator.claimDoubted.generation
      await confirm()
      await coordinator.claimDoubted.wait(after: seen, until: .now.advanced(by: Self.interval))
    }
  }

  /// Compares now. False where lanes may not be served.
  @discardableResult
  func confirm() async -> Bool {
    do {
      try await claim()
      if await coordinator.claimConfirmed() { logger.info("installation.confirmed") }
    } catch let refusal as ClaimRefused {
      if await coordinator.claimRefused(refusal) {
        logger.error(
          "installation.refused",
          metadata: [
            "reason": "\(refusal)", "hint": "\(refusal.hint)", "effect": "all lanes are released; nothing is read, published or trimmed",
          ])
      }
    } catch {
      if !Task.isCancelled { logger.debug("installation.unconfirmed", metadata: ["reason": "\(error)"]) }
    }
    return await coordinator.claimRefusal == nil
  }
}
