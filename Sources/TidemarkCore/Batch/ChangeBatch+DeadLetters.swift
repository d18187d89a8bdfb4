extension ChangeBatch {
  /// Returns the number of dead letters in a row at the end of a lane's part, for a commit whose answer was lost. A commit that was
  /// answered reports it in ``BatchOutcome/Lane/deadLettersInARow``.
  ///
  /// The result may be too high by entries that were read before and have become dead letters since, but it never exceeds `made`. It may be
  /// too low where the ledger could not be asked for `rejected`: only entries that were rejected before the commit count then.
  ///
  /// - Parameters:
  ///   - rejected: the entries for which the ledger has dead letters.
  ///   - made: the number by which the lane's dead letters rose with this batch.
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
