/// How long the ledger keeps what is neither state nor audit trail.
package struct RetentionLimits: Sendable, Equatable {
  /// How long checkpoints are kept.
  package var checkpoints: Duration
  /// How long a dead letter is kept after it was resolved.
  package var resolvedDeadLetters: Duration
  package var snapshotsPerSession: Int
  /// How far apart two entries with one producer's id may be, so that the second one is a duplicate. Stays as it is while a worker runs.
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

  /// How long it takes from the end of a sweep until the next one: a twenty-fourth of the time that rows are kept.
  func interval(of table: RetentionTable) -> Duration {
    let (kept, longest): (Duration, Duration?) =
      switch table {
      case .checkpoints: (checkpoints, .seconds(3_600))
      case .deadLetters: (resolvedDeadLetters, .seconds(3_600))
      case .snapshots: (.seconds(86_400), nil)
      // A sweep goes over the whole table.
      case .eventIDs: (dedupeWindow, nil)
      }
    let interval = max(kept / 24, .seconds(10))
    return longest.map { min(interval, $0) } ?? interval
  }

  /// Tables whose limit is another one in `new`.
  func changes(to new: RetentionLimits) -> Set<RetentionTable> {
    var changed: Set<RetentionTable> = []
    if checkpoints != new.checkpoints { changed.insert(.checkpoints) }
    if resolvedDeadLetters != new.resolvedDeadLetters { changed.insert(.deadLetters) }
    if snapshotsPerSession != new.snapshotsPerSession { changed.insert(.snapshots) }
    return changed
  }
}
