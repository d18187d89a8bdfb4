extension ChangeBatch {
  /// How many dead letters a lane had in a row at the end of its part, where the commit got no answer that would tell
  /// (``BatchOutcome/Lane/deadLettersInARow`` does else).
  ///
  /// It may be too high by entries that were read before and are dead letters since then, but is never above `made`. It may be too low where the
  /// ledger could not be asked for `rejected`: then only the entries count that were found bad before the commit.
  ///
  /// - Parameters:
  ///   - rejected: the entries that the ledger has dead letters of.
  ///   - made: by how many the lane's dead letters rose with this batch.
  package func deadLettersInARow(of segment: Segment, rejected: Set<EntryID>, made: Int) -> Int {
    var count = 0
    for entry in entries[segment.entries].reversed() where count < made && entry.id.fitsLedger {
      guard entry.isRejected || rejected.contains(entry.id) else { return count }
      count += 1
    }
    return count
  }
}

extension BatchEntry {
  fileprivate var isRejected: Bool {
    if case .rejected = disposition { true } else { false }
  }
}
