/// Decides which sessions leave Redis, and when they are searched.
///
/// The search goes over all sessions in Redis, page by page, and takes a small share of the server's time. A durable session leaves for one of
/// two reasons:
///
/// 1. It was not used for `hot.evict_idle_after`. It leaves when its page was found.
/// 2. Its server has reached `pressure.memory`. The search goes faster then. Once all pages of the server were found, the sessions that have not
///    been used for longest leave first, as ``MemoryRelief`` decides, but none that was used within ``shortestIdle``.
///
/// What was found may be out of date, so the step that removes a session compares all of this again, except for the memory. This is a value
/// without I/O; the caller passes the time.
package struct EvictionPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Find the sessions after this place; then call ``found(_:_:took:now:)``.
    case search(after: HotPlace?)
    /// Find out how full the server of this session is; then call ``measured(_:_:took:now:)``.
    case measure(beside: String)
    /// Remove these sessions; then call ``evicted(_:_:took:now:)``.
    case evict(Eviction)
  }

  /// Where memory is short, a session stays for this time after its last use. An agent that waits for a model or a tool is mostly back by then. It
  /// is also the time for which a request for a session is served, so that an agent finds the session for which it asked.
  package static let shortestIdle = Duration.seconds(60)
  /// A session is evicted this share of its idle time late, at most, and not more than a minute.
  private static let share = 4
  private static let interval = Duration.milliseconds(250)...Duration.seconds(60)

  /// What came before a pause.
  private enum Piece {
    /// A page, or a portion of sessions that left for lack of memory.
    case page
    /// The last page.
    case search
    case failure
  }

  private var place: HotPlace?
  /// Evictions that are decided. They are not separated by pauses.
  private var decided: [Eviction] = []
  /// The server that is searched at present: what may leave for lack of memory, the lanes whose memory was short before its first page was
  /// found, and whether all of its pages were. What is found after memory became short in between is not the oldest.
  private var relief = MemoryRelief()
  private var fullLanes: Set<String> = []
  private var isServerBegun = false
  private var isServerDone = false
  /// The lanes for which the present search removes sessions, and whether the next search will find more at once.
  private var relieved: Set<String> = []
  private var hasMore = false

  /// The last piece, when it ended, and how long the work since the last pause took.
  private var piece = Piece.page
  private var ended: ContinuousClock.Instant
  private var worked = Duration.zero

  package init(now: ContinuousClock.Instant) {
    ended = now
  }

  package mutating func next(_ facts: EvictionFacts, now: ContinuousClock.Instant) -> Action {
    guard facts.idle > .zero, !facts.isPostgresAway else {
      self = EvictionPlan(now: now)
      return .wait(until: now.advanced(by: Self.interval.upperBound))
    }
    while true {
      if !decided.isEmpty { return .evict(decided.removeFirst()) }
      guard isServerDone else { break }
      switch relief.next() {
      case .measure(let session): return pause(facts, now: now) ?? .measure(beside: session)
      case .evict(let sessions): decide(sessions, .memory, facts)
      case .done: endServer()
      }
    }
    if let pause = pause(facts, now: now) { return pause }
    beginServer(facts)
    return .search(after: place)
  }

  /// Records a page.
  package mutating func found(_ page: HotPage, _ facts: EvictionFacts, took time: Duration, now: ContinuousClock.Instant) {
    var idle: [FoundSession] = []
    for session in page.sessions where session.isDurable && facts.owned[session.lane] != nil {
      let unused = Duration.milliseconds(page.now - session.usedAt)
      if unused >= facts.idle {
        idle.append(session)
      } else if unused >= facts.shortestIdle, fullLanes.contains(session.lane) {
        relief.found(session)
      }
    }
    decide(idle, .idle, facts)
    isServerDone = page.next?.server != (place?.server ?? 0)
    place = page.next
    did(took: time, now: now)
  }

  /// Records the share of its `maxmemory` that a server uses; nil where there is no limit, or where it is not known.
  package mutating func measured(_ memory: Double?, _ facts: EvictionFacts, took time: Duration, now: ContinuousClock.Instant) {
    relief.measured(memory, limit: facts.memoryLimit)
    did(took: time, now: now)
  }

  /// Records how many sessions of an eviction left. The others changed meanwhile.
  package mutating func evicted(_ count: Int, _ eviction: Eviction, took time: Duration, now: ContinuousClock.Instant) {
    if eviction.reason == .memory { relief.evicted += count }
    did(took: time, now: now)
  }

  /// Records a failure: the search begins again later.
  package mutating func failed(now: ContinuousClock.Instant) {
    self = EvictionPlan(now: now)
    piece = .failure
  }

  private mutating func did(took time: Duration, now: ContinuousClock.Instant) {
    worked += time
    ended = now
    piece = .page
  }

  /// Sessions of lanes that this worker no longer owns are left to their owner.
  private mutating func decide(_ sessions: [FoundSession], _ reason: EvictionReason, _ facts: EvictionFacts) {
    let idle = reason == .idle ? facts.idle : facts.shortestIdle
    for session in sessions {
      guard let installation = facts.owned[session.lane] else { continue }
      if decided.last?.installation == installation {
        decided[decided.count - 1].sessions.append(session.id)
      } else {
        decided.append(Eviction(sessions: [session.id], reason: reason, idle: idle, installation: installation))
      }
    }
  }

  /// Begins the work on a server, unless it is under way, and the search with the first one.
  private mutating func beginServer(_ facts: EvictionFacts) {
    guard !isServerBegun else { return }
    if place == nil { (relieved, hasMore) = ([], false) }
    fullLanes = facts.fullLanes
    relieved.formUnion(fullLanes)
    isServerBegun = true
  }

  /// Ends the work on a server, and the search with the last one.
  private mutating func endServer() {
    hasMore = hasMore || relief.hasMore
    relief = MemoryRelief()
    (isServerBegun, isServerDone) = (false, false)
    if place == nil { piece = .search }
  }

  /// Returns the pause that is due before the next piece; nil where there is none, or where it is over.
  private mutating func pause(_ facts: EvictionFacts, now: ContinuousClock.Instant) -> Action? {
    let isShort = facts.isMemoryShort
    // Where memory is short, the search may take half of the time, because agents wait for it.
    let rest = worked * (isShort ? 1 : BackgroundPace.pauses)
    let idle = isShort ? facts.shortestIdle : facts.idle
    let isUrgent = isShort && (hasMore || !facts.fullLanes.isSubset(of: relieved))
    let pause =
      switch piece {
      case .search where !isUrgent: max(rest, Self.wait(idle))
      case .page, .search: min(rest, Self.interval.upperBound)
      case .failure: Self.wait(idle)
      }
    let due = ended.advanced(by: pause)
    guard now >= due else { return .wait(until: due) }
    worked = .zero
    return nil
  }

  private static func wait(_ idle: Duration) -> Duration { min(max(idle / share, interval.lowerBound), interval.upperBound) }
}
