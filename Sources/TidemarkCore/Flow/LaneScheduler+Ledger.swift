/// Compares lanes with the ledger.
extension LaneScheduler {
  /// Returns the last committed records of these lanes, where this worker owns or owned them.
  package func committed(_ names: some Sequence<String>) -> CommittedLanes {
    CommittedLanes(names.compactMap { lanes[$0]?.record ?? abandoned[$0] })
  }

  /// Returns whether a rewind of the ledger was not reported yet. Two comparisons may find the same rewind, and the lane may be acquired
  /// again by the second.
  package func isNews(_ rewind: LedgerRewind) -> Bool {
    guard let known = lanes[rewind.lane]?.record ?? abandoned[rewind.lane] else { return false }
    return known.cursor.position >= rewind.committed
  }

  /// Releases lanes of which the ledger has less than was committed, after that was reported. They are acquired again from the ledger's
  /// cursor.
  package mutating func wentBack(_ rewinds: [LedgerRewind]) {
    for rewind in rewinds {
      release(rewind.lane)
      abandoned[rewind.lane] = nil
    }
  }

  /// Forgets lanes that were released, except for those that still exist.
  package mutating func forgetAbandoned(except isThere: (String) -> Bool) {
    abandoned = abandoned.filter { isThere($0.key) }
  }
}
