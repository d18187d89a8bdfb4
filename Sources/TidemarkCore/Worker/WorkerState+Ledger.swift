/// What follows from a comparison with the ledger.
extension WorkerState {
  /// Returns the lanes whose turn it is to be compared with the ledger.
  package mutating func lanesToCompare(_ count: Int) -> [String] { turns.lanesToCompare(count) }

  /// Returns what is known to be committed of lanes. It must be taken before the ledger is read.
  package func committed(_ lanes: some Sequence<String>) -> CommittedLanes { scheduler.committed(lanes) }

  /// Returns which of these lanes have a transaction under way from before they were released. It must be taken before the ledger is read,
  /// whose answer may be older than what is committed and published a moment later.
  package func draining(_ lanes: [String]) -> Set<String> { Set(scheduler.drainingLanes).intersection(lanes) }

  /// What a reading of the ledger has shown.
  package enum LedgerFinding: Sendable {
    /// Another ledger holds the lanes than the one they were acquired from: what was believed to be committed may not be in it.
    case otherLedger
    case rewinds(LedgerRewinds, comparesAll: Bool)
  }

  /// The lanes of which the ledger has less than was committed.
  package struct LedgerRewinds: Sendable {
    /// Whether there are any. Then nothing that the ledger said in this reading may be relied on.
    package var isBack: Bool
    /// Those that were not reported before.
    package var news: [LedgerRewind]
  }

  /// Records a reading of the ledger.
  ///
  /// 1. Another ledger: all lanes are released, and acquired again from its cursors.
  /// 2. A lane of which it has less than was committed: the lane is released, and acquired again from the ledger's cursor.
  /// 3. Another connection, or any such lane: a server that went back has ended its connections, so all lanes must be compared, not only
  ///    those whose turn it is, and the ledger is asked again which lanes it knows.
  ///
  /// - Parameter committed: what was known to be committed before the ledger was read.
  package mutating func ledgerRead(_ reading: LedgerReading, _ committed: CommittedLanes) -> LedgerFinding {
    guard !ledger.isReplaced(by: reading.identity) else {
      release(laneNames)
      recallAgain()
      return .otherLedger
    }
    let rewinds = compared(committed, with: reading.lanes)
    let isReconnected = ledger.isReconnected(by: reading.connection)
    if isReconnected { recallAgain() }
    return .rewinds(rewinds, comparesAll: isReconnected || rewinds.isBack)
  }

  /// Records the ledger's records of these lanes. Those of which it has less than was committed are released, and acquired again from the
  /// ledger's cursor.
  package mutating func compared(_ committed: CommittedLanes, with found: [LaneRecord]) -> LedgerRewinds {
    let rewinds = committed.rewinds(in: found)
    let news = rewinds.filter { scheduler.isNews($0) }
    if !news.isEmpty {
      scheduler.wentBack(news)
      expect(news.map(\.lane))
      recallAgain()
    }
    return LedgerRewinds(isBack: !rewinds.isEmpty, news: news)
  }
}
