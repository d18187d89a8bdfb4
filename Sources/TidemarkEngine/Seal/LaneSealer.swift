internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Seals the changes of the owned lanes, as ``SealPlan`` decides, and writes the heads of their chains to Redis.
struct LaneSealer: Sendable {
  let services: SealServices
  let coordinator: LaneCoordinator
  let logger: Logger

  /// Until cancelled.
  func run() async {
    let failures = FailureLog<String>(failing: .sealsWaiting, recovered: .sealsCurrent, clock: coordinator.clock, logger: logger)
    let publishing = FailureLog<String>(
      failing: .sealHeadsWaiting, recovered: .sealHeadsCurrent, clock: coordinator.clock, logger: logger)
    let contradictions = FailureLog<String>(
      failing: .sealContradicted, recovered: .sealConfirmed, clock: coordinator.clock, logger: logger)
    var plan = SealPlan(now: coordinator.clock.now)
    while !Task.isCancelled {
      let seen = coordinator.signals[.retention].generation
      let facts = await coordinator.sealFacts
      let start = coordinator.clock.now
      switch plan.next(facts, now: start) {
      case .wait(let moment): await coordinator.signals[.retention].wait(after: seen, until: moment, on: coordinator.clock)
      case .seal(let lanes, let most):
        do {
          let sealed = try await services.ledger.sealLanes(lanes, most: most)
          let now = coordinator.clock.now
          plan.sealed(sealed, of: lanes, facts, took: start.duration(to: now), now: now)
          failures.succeeded()
          await report(sealed, facts)
          await publish(sealed, facts, publishing, contradictions)
        } catch {
          plan.failed(now: coordinator.clock.now)
          if !Task.isCancelled { failures.failed(error) }
        }
      }
    }
  }

  private func report(_ sealed: [SealedLane], _ facts: SealFacts) async {
    let known = sealed.compactMap { lane in facts.lanes[lane.laneID].map { (name: $0.name, lane: lane) } }
    await coordinator.perform { state, _ in state.sealed(Dictionary(known) { $1 }) }
    for (name, lane) in known where lane.missing > 0 {
      logger.log(
        .sealMissing,
        [
          .lane: "\(name)", .count: .number(lane.missing), .reason: "changes were removed from Postgres before they were sealed",
          .effect: "`tidemark audit` names them",
        ])
    }
  }

  /// Writes the heads to Redis. What fails is written with the next seal of the lane.
  private func publish(
    _ sealed: [SealedLane], _ facts: SealFacts, _ publishing: FailureLog<String>, _ contradictions: FailureLog<String>
  ) async {
    let heads = sealed.compactMap { lane in facts.lanes[lane.laneID].flatMap { lane.head(of: $0.name) } }
    guard let installation = facts.lanes.values.first?.installation, !heads.isEmpty else { return }
    do {
      let publications = zip(heads, try await services.heads.heads(of: heads.map(\.lane))).map { SealPublication($0, over: $1) }
      let doubtful = publications.compactMap { publication -> (SealPublication, SealHead)? in
        if case .ask(let held) = publication.step { (publication, held) } else { nil }
      }
      let answers = try await services.ledger.contains(doubtful.map(\.1))
      var written = publications.filter { $0.step == .write }
      for ((publication, held), isContained) in zip(doubtful, answers) {
        if publication.isWritten(ifContained: isContained) { written.append(publication) }
        if isContained {
          contradictions.succeeded(publication.head.lane, [.lane: "\(publication.head.lane)"])
        } else {
          contradictions.failed(
            publication.head.lane, "Redis holds the seal \(held.throughNo) of this lane, and the chain in Postgres does not contain it",
            [.lane: "\(publication.head.lane)", .effect: "the seal in Redis is kept for `tidemark audit`"])
        }
      }
      _ = try await services.heads.write(written.map { ($0.head, $0.held) }, for: installation)
      publishing.succeeded()
    } catch {
      if !Task.isCancelled { publishing.failed(error) }
    }
  }
}
