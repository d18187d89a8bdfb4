/// What is compared with the ledger.
extension LaneScheduler {
  /// What is known to be committed of these lanes, if they are this worker's or were.
  package func committed(_ names: some Sequence<String>) -> CommittedLanes {
    CommittedLanes(names.compactMap { lanes[$0]?.record ?? abandoned[$0] })
  }

  /// Whether it is news that the ledger has less of a lane: two comparisons may find the same, and the lane may be taken up again by then.
  package func isNews(_ rewind: LedgerRewind) -> Bool {
    guard let known = lanes[rewind.lane]?.record ?? abandoned[rewind.lane] else { return false }
    return known.cursor.position >= rewind.committed
  }

  /// The ledger was found to have less of lanes, and that was reported. They are given up, to be taken again from where it stands.
  package mutating func wentBack(_ rewinds: [LedgerRewind]) {
    for rewind in rewinds {
      release(rewind.lane)
      abandoned[rewind.lane] = nil
    }
  }

  /// Forgets lanes that were given up, except those that still exist.
  package mutating func forgetAbandoned(except isThere: (String) -> Bool) {
    abandoned = abandoned.filter { isThere($0.key) }
  }
}
