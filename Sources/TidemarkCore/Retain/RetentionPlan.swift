/// Decides which table of the ledger is swept at which time, how many rows are removed at once, and how long to pause in between.
///
/// Tables are swept one after the other, each from its beginning to its end, in pieces. A piece is one short transaction; the pause after
/// it keeps the work at a small share of Postgres' time. A sweep that fails is given up; its removed rows stay removed, so that the next
/// sweep gets further.
///
/// It is a value without I/O; the caller passes the time.
package struct RetentionPlan: Sendable {
  package enum Action: Sendable, Equatable {
    /// Wait until this moment.
    case wait(until: ContinuousClock.Instant)
    /// Find the rows of this table that may be removed; then call ``found(_:now:)`` or ``failed(_:now:)``.
    case find(RetentionTable)
    /// Remove one piece of about `rows` rows; then call ``removed(_:took:now:)`` or ``failed(_:now:)``.
    case remove(RetentionRule, from: RetentionPlace?, rows: Int)
  }

  /// A sweep of one table.
  package struct Sweep: Sendable, Equatable {
    package var rule: RetentionRule
    /// The number of rows removed so far.
    package var removed = 0
    package var began: ContinuousClock.Instant
    var place: RetentionPlace?
  }

  static let fewestRows = 10
  /// The delay between a worker's start and its first sweep, because a worker has more urgent work at first.
  static let firstWait = Duration.seconds(10)
  /// The delay after which a worker that does not sweep looks again whether it has to.
  static let unresponsibleWait = Duration.seconds(5)

  private var limits: RetentionLimits
  private var due: [RetentionTable: ContinuousClock.Instant] = [:]
  /// The number of rows of the next piece.
  private var rows: [RetentionTable: Int] = [:]
  private var pauseEnd: ContinuousClock.Instant
  /// The sweep in progress; nil between two sweeps. It begins when the rows to remove are found, and ends with the last piece, a failure,
  /// or a changed limit.
  private var sweep: Sweep?

  package init(limits: RetentionLimits, now: ContinuousClock.Instant) {
    self.limits = limits
    pauseEnd = now
    for table in RetentionTable.allCases { due[table] = now + min(limits.interval(of: table), Self.firstWait) }
    // Entries that were read of a stream that is gone must have been committed first: see ``EventIDRetention``.
    due[.eventIDs] = now + limits.interval(of: .eventIDs)
  }

  /// Applies new limits. Tables whose limits changed are due at once, and a sweep by the old limit ends.
  package mutating func apply(_ new: RetentionLimits, now: ContinuousClock.Instant) {
    let changed = limits.changes(to: new)
    limits = new
    for table in changed { due[table] = now }
    if let sweep, changed.contains(sweep.rule.table) { self.sweep = nil }
  }

  /// Returns the next action.
  ///
  /// - Parameter isResponsible: whether this worker is the one of the installation that sweeps. If two workers sweep, no harm is done.
  package mutating func next(now: ContinuousClock.Instant, isResponsible: Bool) -> Action {
    guard isResponsible else {
      sweep = nil
      // The times stay as they are, because a worker may lose the shard for a moment in which no other worker sweeps.
      return .wait(until: max(earliest.moment, now + Self.unresponsibleWait))
    }
    if now < pauseEnd { return .wait(until: pauseEnd) }
    if let sweep { return .remove(sweep.rule, from: sweep.place, rows: rows(of: sweep.rule.table)) }
    let earliest = earliest
    return earliest.moment <= now ? .find(earliest.table) : .wait(until: earliest.moment)
  }

  /// Records the rows that may be removed. Returns whether a sweep begins: for some tables it is known beforehand that there is nothing to
  /// remove.
  package mutating func found(_ rule: RetentionRule, now: ContinuousClock.Instant) -> Bool {
    due[rule.table] = now + limits.interval(of: rule.table)
    if !rule.isVoid { sweep = Sweep(rule: rule, began: now) }
    return !rule.isVoid
  }

  /// Records that a piece was removed. Returns the sweep if that was its last piece.
  package mutating func removed(_ piece: RetentionPiece, took time: Duration, now: ContinuousClock.Instant) -> Sweep? {
    guard var current = sweep else { return nil }
    let table = current.rule.table
    rows[table] = BackgroundPace.size(after: rows(of: table), thatTook: time, within: Self.fewestRows...Self.mostRows(of: table))
    pauseEnd = now + BackgroundPace.pause(after: time, times: Self.pauses(of: table))
    current.removed += piece.removed
    current.place = piece.next
    guard piece.next == nil else {
      sweep = current
      return nil
    }
    sweep = nil
    due[table] = now + limits.interval(of: table)
    return current
  }

  /// Records that the rows to remove could not be found, or that a piece could not be removed. The sweeps of other tables go on.
  package mutating func failed(_ table: RetentionTable, now: ContinuousClock.Instant) {
    rows[table] = max(Self.fewestRows, rows(of: table) / 2)
    due[table] = now + min(limits.interval(of: table), .seconds(600))
    sweep = nil
  }

  private var earliest: (table: RetentionTable, moment: ContinuousClock.Instant) {
    var earliest: (table: RetentionTable, moment: ContinuousClock.Instant) = (.checkpoints, due[.checkpoints] ?? pauseEnd)
    for table in RetentionTable.allCases {
      if let moment = due[table], moment < earliest.moment { earliest = (table, moment) }
    }
    return earliest
  }

  private func rows(of table: RetentionTable) -> Int { rows[table] ?? Self.mostRows(of: table) }

  /// Returns the most rows of one piece; for event ids, about the number of rows that are read.
  static func mostRows(of table: RetentionTable) -> Int { table == .eventIDs ? 10_000 : 1_000 }

  /// Returns the pause after a piece as a multiple of the time that the piece took. Event ids come as fast as changes do, so they get half
  /// of one backend's time.
  private static func pauses(of table: RetentionTable) -> Int { table == .eventIDs ? 1 : BackgroundPace.pauses }
}
