/// The sessions that have not been used for longest, out of all that were inserted.
///
/// Redis finds sessions in no particular order, and there may be millions. This set keeps those with the earliest use and forgets the others, so
/// that its memory has a bound: it holds twice its capacity at most.
struct OldestSessions: Sendable {
  let capacity: Int
  /// The latest use first, once they are sorted.
  private var sessions: [FoundSession] = []
  private var isSorted = true
  /// The time of use from which sessions are forgotten at once, because the set is full of older ones.
  private var bound = Int64.max
  /// Whether sessions were forgotten: there are more than the set holds.
  private(set) var isIncomplete = false

  init(capacity: Int) {
    self.capacity = capacity
  }

  /// The number of sessions that are held, of which some may be held twice.
  var count: Int { sessions.count }

  /// Returns the session that has not been used for longest.
  mutating func oldest() -> FoundSession? {
    sort()
    return sessions.last
  }

  /// Inserts a session, which may have been inserted before: a search can find it several times.
  mutating func insert(_ session: FoundSession) {
    guard session.usedAt < bound else {
      isIncomplete = true
      return
    }
    sessions.append(session)
    isSorted = false
    if sessions.count >= 2 * capacity { sort() }
  }

  /// Removes the oldest sessions and returns them, oldest first.
  mutating func takeOldest(_ count: Int) -> [FoundSession] {
    sort()
    let taken = sessions.suffix(count)
    sessions.removeLast(taken.count)
    return taken.reversed()
  }

  /// Brings the sessions in order, each once, and forgets those beyond the capacity.
  private mutating func sort() {
    guard !isSorted else { return }
    let latest = Dictionary(sessions.map { (SessionKey($0.id), $0) }) { $0.usedAt > $1.usedAt ? $0 : $1 }
    sessions = latest.values.sorted { ($0.usedAt, $0.id) > ($1.usedAt, $1.id) }
    isSorted = true
    guard sessions.count > capacity else { return }
    isIncomplete = true
    sessions.removeFirst(sessions.count - capacity)
    bound = sessions.first?.usedAt ?? bound
  }
}
