/// Decides when which part of the state is checked, how much at once, and how long to pause in between.
///
/// There are four walks (``StateWalk``). Those over the sessions in Redis, over the tables and over the audit trail see everything once a day; the
/// sessions that changed are compared at an interval. Walks that are due take turns, piece by piece. A piece is bounded, whatever the number of
/// sessions; the pause after it keeps the work at a small share of the servers' time and below the rate. While the replication lags, nothing is
/// checked. The walks over the tables go on where the ledger says that the last worker stopped; the one over Redis begins again.
///
/// It is a value without I/O; the caller passes the time.
package struct StateCheckPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Read how far the walks have come; then call ``began(_:now:)``.
    case begin
    /// Find sessions in Redis; then call ``found(_:next:took:now:)``.
    case find(after: HotPlace?)
    /// Find sessions that changed; then call ``found(changed:took:now:)``.
    case findChanged
    /// Compare these sessions in Redis with the ledger; then call ``compared(_:bytes:took:now:)``.
    case compare([String])
    /// Check the rows of this number of sessions after one of them; then call ``checkedSessions(_:through:took:now:)``.
    case checkSessions(after: String, limit: Int)
    /// Look for the rows of this number of changes after a place; then call ``checkedChanges(_:next:took:now:)``.
    case checkChanges(after: TrailPlace?, limit: Int)
  }

  package static let sweep = Duration.seconds(86_400)
  static let firstWait = Duration.seconds(10)
  static let heldUpWait = Duration.seconds(1)
  static let unresponsibleWait = Duration.seconds(5)
  private static let failurePause = Duration.seconds(5)
  /// The most sessions that are compared at once.
  static let mostSessions = 100
  static let mostChanges = 1_000
  /// The most bytes that should be compared at once.
  static let pieceBytes = 4 << 20

  private var due: [StateWalk: ContinuousClock.Instant] = [:]
  private var isBegun = false
  private var limits = ReconciliationLimits()
  private var pauseEnd: ContinuousClock.Instant
  /// The walk whose turn was last.
  private var last = StateWalk.changes
  /// Sessions that were found and are not compared yet, of the walk that found them.
  private var waiting: [StateWalk: [String]] = [:]
  private var hotPlace: HotPlace?
  private var hotBegan: ContinuousClock.Instant?
  private var sessionPlace = ""
  private var trailPlace: TrailPlace?
  private var sessions = 10
  private var rows = 10
  private var changes = 100

  package init(now: ContinuousClock.Instant) {
    // A worker has more urgent work at first.
    pauseEnd = now + Self.firstWait
  }

  /// - Parameter isResponsible: whether this worker is the one of the installation that checks. If two workers check, no harm is done.
  package mutating func next(
    _ limits: ReconciliationLimits, isResponsible: Bool, isHeldUp: Bool, now: ContinuousClock.Instant
  ) -> Action {
    self.limits = limits
    guard isResponsible else {
      if isBegun { self = StateCheckPlan(now: now) }
      return .wait(until: now + Self.unresponsibleWait)
    }
    guard !isHeldUp else { return .wait(until: now + Self.heldUpWait) }
    guard now >= pauseEnd else { return .wait(until: pauseEnd) }
    guard isBegun else { return .begin }
    if let moment = due[.changed], moment > now + limits.interval { due[.changed] = now + limits.interval }
    let all = StateWalk.allCases
    let start = (all.firstIndex(of: last) ?? 0) + 1
    guard let walk = (0..<all.count).map({ all[(start + $0) % all.count] }).first(where: { isReady($0, now) }) else {
      return .wait(until: due.values.min() ?? now + limits.interval)
    }
    last = walk
    return action(walk)
  }

  private func isReady(_ walk: StateWalk, _ now: ContinuousClock.Instant) -> Bool {
    waiting[walk]?.isEmpty == false || (due[walk] ?? now) <= now
  }

  private mutating func action(_ walk: StateWalk) -> Action {
    if let found = waiting[walk], !found.isEmpty {
      let portion = Array(found.prefix(sessions))
      waiting[walk]?.removeFirst(portion.count)
      return .compare(portion)
    }
    switch walk {
    case .hot: return .find(after: hotPlace)
    case .changed: return .findChanged
    case .sessions: return .checkSessions(after: sessionPlace, limit: rows)
    case .changes: return .checkChanges(after: trailPlace, limit: changes)
    }
  }

  /// Records how far the walks have come before. One that was interrupted goes on at once.
  package mutating func began(_ walks: [StateWalk: WalkProgress], now: ContinuousClock.Instant) {
    isBegun = true
    for walk in StateWalk.allCases {
      let progress = walks[walk]
      due[walk] = progress?.place == nil ? progress?.age.map { now + max(.zero, Self.sweep - $0) } ?? now : now
    }
    due[.changed] = now
    sessionPlace = walks[.sessions]?.place ?? ""
    trailPlace = walks[.changes]?.place.flatMap { TrailPlace($0) }
  }

  /// Records a page of the sessions in Redis. Returns whether it was the last one.
  package mutating func found(_ ids: [String], next: HotPlace?, took time: Duration, now: ContinuousClock.Instant) -> Bool {
    if hotPlace == nil { hotBegan = now }
    waiting[.hot, default: []] += ids
    hotPlace = next
    due[.hot] = next == nil ? (hotBegan ?? now) + Self.sweep : now
    pause(time, 0, now: now)
    return next == nil
  }

  package mutating func found(changed ids: [String], took time: Duration, now: ContinuousClock.Instant) {
    waiting[.changed, default: []] += ids
    due[.changed] = now + limits.interval
    pause(time, 0, now: now)
  }

  package mutating func compared(_ count: Int, bytes: Int, took time: Duration, now: ContinuousClock.Instant) {
    sessions = BackgroundPace.size(after: sessions, thatTook: time, within: 1...Self.mostSessions)
    // Large sessions go in smaller pieces: a piece is held in memory.
    if bytes > Self.pieceBytes { sessions = max(1, min(sessions, count / 2)) }
    pause(time, count, now: now)
  }

  /// - Parameter last: the last session that was checked; nil where there were none after the place.
  package mutating func checkedSessions(_ count: Int, through last: String?, took time: Duration, now: ContinuousClock.Instant) {
    rows = BackgroundPace.size(after: rows, thatTook: time, within: 1...Self.mostSessions)
    sessionPlace = last ?? ""
    due[.sessions] = last == nil ? now + Self.sweep : now
    pause(time, count, now: now)
  }

  /// - Parameter next: where the walk goes on; nil at its end.
  package mutating func checkedChanges(_ count: Int, next: TrailPlace?, took time: Duration, now: ContinuousClock.Instant) {
    changes = BackgroundPace.size(after: changes, thatTook: time, within: 10...Self.mostChanges)
    trailPlace = next
    due[.changes] = next == nil ? now + Self.sweep : now
    pause(time, count, now: now)
  }

  /// Records that something failed. The walks go on where the ledger says.
  package mutating func failed(now: ContinuousClock.Instant) {
    let portions = (sessions, rows, changes)
    self = StateCheckPlan(now: now)
    (sessions, rows, changes) = (max(1, portions.0 / 2), max(1, portions.1 / 2), max(10, portions.2 / 2))
    pauseEnd = now + Self.failurePause
  }

  private mutating func pause(_ time: Duration, _ size: Int, now: ContinuousClock.Instant) {
    pauseEnd = now + limits.pause(after: time, size: size)
  }
}
