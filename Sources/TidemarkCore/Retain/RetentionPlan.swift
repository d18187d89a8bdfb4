/// Decides which table of the ledger is swept when, how many rows go at a time, and how long Postgres is left alone in between.
///
/// Tables are swept one after the other, each from its beginning to its end, in pieces. A piece is one short transaction; after it comes a
/// pause that keeps the work at a small share of Postgres' time. A sweep that fails is given up: what it removed is gone, so that the next
/// one comes further.
///
/// A value without I/O; the clock is handed in.
package struct RetentionPlan: Sendable {
  package enum Action: Sendable, Equatable {
    /// Nothing is to be done before this moment.
    case wait(until: ContinuousClock.Instant)
    /// Find out what of this table may go; then ``found(_:now:)`` or ``failed(_:now:)``.
    case find(RetentionTable)
    /// Remove one piece of about so many rows; then ``removed(_:took:now:)`` or ``failed(_:now:)``.
    case remove(RetentionRule, from: RetentionPlace?, rows: Int)
  }

  /// A sweep over one table.
  package struct Sweep: Sendable, Equatable {
    package var rule: RetentionRule
    /// Rows that are gone.
    package var removed = 0
    package var began: ContinuousClock.Instant
    var place: RetentionPlace?
  }

  /// How long a piece may take.
  static let target = Duration.milliseconds(50)
  static let fewestRows = 10
  /// How long a worker waits after its start: it has other things to do then.
  static let firstWait = Duration.seconds(10)
  static let longestPause = Duration.seconds(60)

  private var limits: RetentionLimits
  private var due: [RetentionTable: ContinuousClock.Instant] = [:]
  /// Rows of the next piece.
  private var rows: [RetentionTable: Int] = [:]
  private var pauseEnd: ContinuousClock.Instant
  /// Nil between two sweeps. Begins when it is found what may go; ends with the last piece, a failure, or another limit.
  private var sweep: Sweep?

  package init(limits: RetentionLimits, now: ContinuousClock.Instant) {
    self.limits = limits
    pauseEnd = now
    for table in RetentionTable.allCases { due[table] = now + min(limits.interval(of: table), Self.firstWait) }
    // What was read of a stream that is gone must have been committed first: see ``EventIDRetention``.
    due[.eventIDs] = now + limits.interval(of: .eventIDs)
  }

  /// Takes other limits. Tables that they concern are due at once; a sweep by the old limit goes no further.
  package mutating func apply(_ new: RetentionLimits, now: ContinuousClock.Instant) {
    let changed = limits.changes(to: new)
    limits = new
    for table in changed { due[table] = now }
    if let sweep, changed.contains(sweep.rule.table) { self.sweep = nil }
  }

  /// What to do now.
  ///
  /// - Parameter isResponsible: whether this worker is the one of the installation that sweeps. Another one that does so, too, does no harm.
  package mutating func next(now: ContinuousClock.Instant, isResponsible: Bool) -> Action {
    guard isResponsible else {
      sweep = nil
      for (table, moment) in due where moment <= now { due[table] = now + limits.interval(of: table) }
      return .wait(until: earliest.moment)
    }
    if now < pauseEnd { return .wait(until: pauseEnd) }
    if let sweep { return .remove(sweep.rule, from: sweep.place, rows: rows(of: sweep.rule.table)) }
    let earliest = earliest
    return earliest.moment <= now ? .find(earliest.table) : .wait(until: earliest.moment)
  }

  /// This may go. Answers whether a sweep begins: of some tables it is known beforehand that nothing is to be removed.
  package mutating func found(_ rule: RetentionRule, now: ContinuousClock.Instant) -> Bool {
    due[rule.table] = now + limits.interval(of: rule.table)
    if !rule.isVoid { sweep = Sweep(rule: rule, began: now) }
    return !rule.isVoid
  }

  /// A piece is gone. Answers the sweep if that was its end.
  package mutating func removed(_ piece: RetentionPiece, took time: Duration, now: ContinuousClock.Instant) -> Sweep? {
    guard var current = sweep else { return nil }
    let table = current.rule.table
    let size = rows(of: table)
    if time > Self.target {
      rows[table] = max(Self.fewestRows, size / 2)
    } else if time < Self.target / 2 {
      rows[table] = min(Self.mostRows(of: table), size * 2)
    }
    pauseEnd = now + min(time * Self.pauses(of: table), Self.longestPause)
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

  /// It failed to find out what may go, or to remove a piece. The other tables are not kept waiting for it.
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

  /// Rows of one piece at most; of producers' ids about so many are looked at.
  static func mostRows(of table: RetentionTable) -> Int { table == .eventIDs ? 10_000 : 1_000 }

  /// How many times as long as it was busy Postgres is left alone: nineteen times, so that the work takes a twentieth of one backend's time.
  /// Producers' ids come as fast as changes do, so they get half of it.
  private static func pauses(of table: RetentionTable) -> Int { table == .eventIDs ? 1 : 19 }
}
