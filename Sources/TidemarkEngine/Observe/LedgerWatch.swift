internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Compares what Postgres says of lanes with what this worker knows to be committed, and gives up the lanes of which Postgres has less: they are
/// taken up again from where it stands, and Redis' entries from there on are committed once more.
///
/// Postgres goes back without another identity or timeline when a snapshot of its disk is restored, or when it crashes with
/// `synchronous_commit = off`. Marks that were published before are ahead of it until its lanes are where they were.
struct LedgerWatch: Sendable {
  static let interval = Duration.seconds(1)
  /// Lanes that are compared in each turn, so that every lane has its turn within a bounded time, however quiet it is.
  static let portion = 64
  /// Lanes of one query at most, where all are compared at once.
  static let largePortion = 2_000

  let sink: any LaneLedger
  let coordinator: LaneCoordinator
  let publisher: MarkPublisher
  let metrics: EngineMetrics
  let logger: Logger

  /// Until cancelled.
  func run() async {
    await SteadyTurns(
      interval: Self.interval, event: .ledgerWaiting, recovered: .ledgerCurrent, clock: coordinator.clock, logger: logger
    ).run {
      _ = try await read(await coordinator.perform { state, _ in state.lanesToCompare(Self.portion) })
    }
  }

  /// The ledger's records of these lanes. Nil where it is not the ledger that the lanes were taken up from, or has gone back: then nothing that
  /// was believed to be committed may be relied on.
  func read(_ lanes: [String]) async throws -> [LaneRecord]? {
    // Before the question: what is committed meanwhile may or may not be in the answer.
    let committed = await committed(lanes)
    let reading = try await sink.ledger(of: lanes)
    switch await coordinator.perform({ state, _ in state.ledgerRead(reading, committed) }) {
    case .otherLedger:
      logger.log(.postgresChanged, [.system: "\(reading.identity.system)", .timeline: "\(reading.identity.timeline)"])
      // The ledger may lack what the earlier one had committed and what is not published yet.
      publisher.withdrawAll()
      return nil
    case .rewinds(let rewinds, let comparesAll):
      report(rewinds.news)
      var isBack = rewinds.isBack
      for portion in comparesAll ? await coordinator.laneNames.portions(of: Self.largePortion) : [] {
        let committed = await self.committed(portion)
        let found = await compare(committed, with: try await sink.lanes(named: portion))
        isBack = isBack || found
      }
      return isBack ? nil : reading.lanes
    }
  }

  private func committed(_ lanes: [String]) async -> CommittedLanes { await coordinator.perform { state, _ in state.committed(lanes) } }

  /// Compares the ledger's records of lanes with what was committed before they were read. Returns whether the ledger went back.
  @discardableResult
  func compare(_ committed: CommittedLanes, with found: [LaneRecord]) async -> Bool {
    let rewinds = await coordinator.perform { state, _ in state.compared(committed, with: found) }
    report(rewinds.news)
    return rewinds.isBack
  }

  private func report(_ rewinds: [LedgerRewind]) {
    guard !rewinds.isEmpty else { return }
    // What was committed before the ledger went back, and is not published yet, must not be published any more.
    publisher.withdraw(Set(rewinds.map(\.lane)))
    metrics.wentBack(rewinds.count)
    let named = rewinds.prefix(10).map(\.description).joined(separator: ", ")
    logger.log(
      .postgresRewound,
      [
        .lanes: .number(rewinds.count), .where: "\(named)\(rewinds.count > 10 ? ", ..." : "")",
        .effect: "durable marks are ahead until what Redis still has is committed again; the rest is recorded in gaps",
      ])
  }
}
