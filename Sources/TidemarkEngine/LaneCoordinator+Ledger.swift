internal import TidemarkCore

/// What is compared with the ledger.
extension LaneCoordinator {
  /// The lanes whose turn it is, of all that are this worker's.
  func lanesToCompare(_ count: Int) -> [String] {
    if comparing.isEmpty { comparing = laneNames }
    defer { comparing.removeLast(min(count, comparing.count)) }
    return comparing.suffix(count).filter { scheduler.lanes[$0] != nil }
  }

  /// What is known to be committed of lanes, to be taken before the ledger is asked.
  func committed(_ lanes: some Sequence<String>) -> CommittedLanes { scheduler.committed(lanes) }

  /// Which of these lanes have a transaction under way from before they were given up, to be taken before the ledger is asked: its answer may be
  /// older than what is committed and told a moment later.
  func draining(_ lanes: [String]) -> Set<String> { Set(scheduler.drainingLanes).intersection(lanes) }

  /// Whether the lanes were taken up from this ledger. Where another holds it now, what we believe to be committed may not be there: all lanes
  /// are given up, and taken up again from where it says they stand.
  func isKnown(_ identity: LedgerIdentity) -> Bool {
    defer { ledger = identity }
    guard let ledger, ledger != identity else { return true }
    release(laneNames)
    recallAgain()
    ownership.raise()
    return false
  }

  /// Whether the ledger was asked over another connection than before. Then it may have gone back, also in what it says of lanes that are set
  /// aside: it is asked again which lanes it knows.
  func isNewConnection(_ connection: String) -> Bool {
    defer { ledgerConnection = connection }
    guard let ledgerConnection, ledgerConnection != connection else { return false }
    recallAgain()
    ownership.raise()
    return true
  }

  /// The ledger has less of these lanes than was committed: they are given up, and taken up again from where it says they stand. Returns those of
  /// which that is news.
  func wentBack(_ rewinds: [LedgerRewind]) -> [LedgerRewind] {
    let news = rewinds.filter { scheduler.isNews($0) }
    guard !news.isEmpty else { return [] }
    release(news.map(\.lane).filter { scheduler.lanes[$0] != nil })
    scheduler.wentBack(news)
    expect(news.map(\.lane))
    recallAgain()
    ownership.raise()
    return news
  }
}
