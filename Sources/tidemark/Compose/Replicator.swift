import Logging
import ServiceLifecycle
import TidemarkAdmin
import TidemarkCore
import TidemarkEngine
import TidemarkLog

/// The worker's service. It waits for servers that can't be reached, refuses problems that only a person can fix, then replicates.
struct Replicator: Service {
  let composition: Composition
  let worker: Worker
  let claim: InstallationClaim
  let logger: Logger

  func run() async throws {
    let isReady = try await cancelWhenGracefulShutdown { try await waitForServers() }
    guard isReady else { return }
    await cancelWhenGracefulShutdown { await worker.prepare() }
    logger.log(.workerStarted)
    try await worker.run()
  }

  /// Returns true when both servers are ready, and false if a shutdown came first. Throws ``CommandFailure`` for problems that waiting
  /// can't fix.
  private func waitForServers() async throws -> Bool {
    let retry = composition.workerSettings.retry
    var backoff = Backoff()
    var told: Set<String> = []
    var outages: [String: FailureReport] = [:]
    var firstRefusal: ContinuousClock.Instant?
    while !Task.isCancelled {
      var findings = await composition.postgresCheck.findings() + composition.redisCheck.findings()
      // An operator can grant a Redis user's rights while the worker runs. The worker logs the missing right, waits, and is not ready until
      // then.
      for index in findings.indices where findings[index].subject == "redis.acl" && findings[index].severity == .problem {
        findings[index].severity = .risk
      }
      if !findings.contains(where: { $0.severity == .problem || $0.severity == .unreachable }) {
        do {
          // If Redis was flushed while no worker ran, this restores the claim.
          try await claim.confirm()
          try await worker.followTuning()
        } catch {
          findings.append(finding(error, &firstRefusal))
        }
      }
      let problems = findings.filter { $0.severity == .problem }
      if Task.isCancelled { return false }
      guard problems.isEmpty else { throw CommandFailure.found(problems) }
      let waiting = findings.filter { $0.severity == .unreachable }
      for finding in waiting where outages[finding.subject, default: FailureReport()].failed(finding.description, now: .now) {
        logger.log(.serverWaiting, [.finding: "\(finding)"])
      }
      for finding in findings where ![.ok, .unreachable].contains(finding.severity) && told.insert(finding.description).inserted {
        logger.log(.serverFinding, isAtOtherLevel: finding.severity == .risk, [.finding: "\(finding)"])
      }
      if waiting.isEmpty { return true }
      try? await Task.sleep(for: backoff.next(retry, random: .random(in: 0..<1)))
    }
    return false
  }

  /// Returns the finding for an error of the claim. While other workers serve, Redis may just have been flushed: those workers restore the
  /// claim within a second, unless they belong to another installation.
  private func finding(_ error: any Error, _ firstRefusal: inout ContinuousClock.Instant?) -> Finding {
    var finding = claim.finding(of: error)
    if case .servedElsewhere? = error as? ClaimVerdict.Refusal {
      let first = firstRefusal ?? .now
      firstRefusal = first
      if first.duration(to: .now) < composition.workerSettings.leaseTTL * 2 { finding.severity = .unreachable }
    }
    return finding
  }
}
