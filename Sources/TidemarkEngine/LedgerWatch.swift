internal import Logging
internal import TidemarkCore

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
      interval: Self.interval, event: "ledger.waiting", recovered: "ledger.current", clock: coordinator.clock, logger: logger
    ).run {
      _ = try await read(await coordinator.lanesToCompare(Self.portion))
    }
  }

  /// The ledger's records of these lanes. Nil where it is not the ledger that the lanes were taken up from, or has gone back: then nothing that
  /// was believed to be committed may be relied on.
  func read(_ lanes: [String]) async throws -> [LaneRecord]? {
    // Before the question: what is committed meanwhile may or may not be in the answer.
    let committed = await coordinator.committed(lanes)
    let reading = try await sink.ledger(of: lanes)
    guard await coordinator.isKnown(reading.identity) else {
      logger.error("postgres.changed", metadata: ["system": "\(reading.identity.system)", "timeline": "\(reading.identity.timeline)"])
      // What the ledger from before had committed, and was not told yet, this one may not have.
      publisher.withdraw(publisher.waitingLanes)
      return nil
    }
    var isBack = await report(committed.rewinds(in: reading.lanes))
    // A server that went back has ended its connections: all lanes are looked at, not only those whose turn it is.
    if await coordinator.isNewConnection(reading.connection) || isBack {
      for portion in await coordinator.laneNames.portions(of: Self.largePortion) {
        let committed = await coordinator.committed(portion)
        let found = await report(committed.rewinds(in: try await sink.lanes(named: portion)))
        isBack = isBack || found
      }
    }
    return isBack ? nil : reading.lanes
  }

  /// Gives lanes up that the ledger has less of, and says so once. False where there are none.
  @discardableResult
  func report(_ rewinds: [LedgerRewind]) async -> Bool {
    guard !rewinds.isEmpty else { return false }
    let rewinds = await coordinator.wentBack(rewinds)
    guard !rewinds.isEmpty else { return true }
    // What was committed before the ledger went back, and not told yet, is not to be told any more.
    publisher.withdraw(Set(rewinds.map(\.lane)))
    metrics.wentBack(rewinds.count)
    let named = rewinds.prefix(10).map(\.description).joined(separator: ", ")
    logger.error(
      "postgres.rewound",
      metadata: [
        "lanes": .number(rewinds.count), "where": "\(named)\(rewinds.count > 10 ? ", ..." : "")",
        "effect": "durable marks are ahead until what Redis still has is committed again; the rest is recorded in gaps",
      ])
    return true
  }
}
