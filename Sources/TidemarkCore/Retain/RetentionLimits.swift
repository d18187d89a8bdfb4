/// The limits on rows of the ledger that are neither state nor audit trail.
package struct RetentionLimits: Sendable, Equatable {
  /// The time for which checkpoints are kept.
  package var checkpoints: Duration
  /// The time for which a dead letter is kept after it was resolved.
  package var resolvedDeadLetters: Duration
  package var snapshotsPerSession: Int
  /// The largest distance between two entries with one event id at which the second is a duplicate. It does not change while a worker runs.
  package var dedupeWindow: Duration

  package init(
    checkpoints: Duration = .seconds(30 * 86_400), resolvedDeadLetters: Duration = .seconds(90 * 86_400), snapshotsPerSession: Int = 3,
    dedupeWindow: Duration
  ) {
    self.checkpoints = checkpoints
    self.resolvedDeadLetters = resolvedDeadLetters
    self.snapshotsPerSession = snapshotsPerSession
    self.dedupeWindow = dedupeWindow
  }

  /// Returns the interval from the end of a sweep to the next one: a twenty-fourth of the time for which rows are kept.
  func interval(of table: RetentionTable) -> Duration {
    let (kept, longest): (Duration, Duration?) =
      switch table {
      case .checkpoints: (checkpoints, .seconds(3_600))
      case .deadLetters: (resolvedDeadLetters, .seconds(3_600))
      case .snapshots: (.seconds(86_400), nil)
      // A sweep reads the whole table.
      case .eventIDs: (dedupeWindow, nil)
      }
    let interval = max(kept / 24, .seconds(10))
    return longest.map { min(interval, $0) } ?? interval
  }

  /// Returns the tables whose limits differ in `new`.
  func changes(to new: RetentionLimits) -> Set<RetentionTable> {
    var changed: Set<RetentionTable> = []
    if checkpoints != new.checkpoints { changed.insert(.checkpoints) }
    if resolvedDeadLetters != new.resolvedDeadLetters { changed.insert(.deadLetters) }
    if snapshotsPerSession != new.snapshotsPerSession { changed.insert(.snapshots) }
    return changed
  }
}
