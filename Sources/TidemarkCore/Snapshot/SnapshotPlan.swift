/// Decides when which sessions get snapshots because they changed: after ``SnapshotPolicy/everyChanges`` changes, or ``SnapshotPolicy/every``
/// after the first change that is in no snapshot.
///
/// It counts the changes of the owned lanes that are committed, piece by piece, out of the ledger: what it forgets, another worker counts
/// again, from the progress that was recorded. Everything that it asks for is short, and a pause of nineteen times its duration follows, so
/// that snapshots take a twentieth of one backend's time and nothing of a commit's. Where that is not enough, they are late.
///
/// It is a value without I/O; the caller passes the time.
package struct SnapshotPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Read the progress of these lanes; then call ``began(_:at:)`` or ``failed(now:)``.
    case begin([Int32])
    /// Count at most `rows` changes of a lane after an entry; then call ``counted(_:of:rows:took:now:)`` or ``failed(now:)``.
    case count(lane: Int32, after: EntryID, rows: Int)
    /// Take these snapshots; then call ``taken(_:took:now:)`` or ``failedToTake(_:now:)``.
    case take([SnapshotOrder])
    /// Record the progress of lanes; then call ``recorded(_:now:)`` or ``failed(now:)``.
    case record([Int32: EntryID])
  }

  /// The most changes of one count, and the most snapshots of one request.
  static let mostRows = 5_000
  static let mostOrders = 100
  /// The first request has few: snapshots of long sessions that never had one take longer, and leases are renewed over the same connection.
  static let firstOrders = 10
  /// The time between two looks at lanes that moved, between two records of the progress, and after a failure.
  static let interval = Duration.seconds(1)
  static let recordInterval = Duration.seconds(10)
  static let failurePause = Duration.seconds(5)

  private struct Key: Hashable {
    var lane: Int32
    var session: String
  }

  /// A session that has changes which are in no snapshot.
  private struct Pending {
    var changes: Int
    /// When the first of them was counted.
    var since: ContinuousClock.Instant
    var first: EntryID
    var last: EntryID
  }

  private struct Lane {
    var committed: CommittedLane
    /// Up to here its changes are counted; nil until its progress is read.
    var counted: EntryID?
    var recorded: EntryID?
  }

  private var policy: SnapshotPolicy
  /// The most sessions that wait. While so many do, nothing further is counted.
  private let limit: Int
  private var lanes: [Int32: Lane] = [:]
  private var pending: [Key: Pending] = [:]
  /// Sessions that have enough changes, and all sessions in the order in which they began to wait. A key may stay here after its session got
  /// a snapshot, so ``takeDue(now:)`` compares it with the pending sessions.
  private var full: [Key] = []
  /// Sessions whose snapshots failed together with others.
  private var retries: [Key] = []
  private var byTime = TimeQueue()
  private var rows = mostRows
  private var orders = firstOrders
  private var pauseEnd: ContinuousClock.Instant
  private var recordDue: ContinuousClock.Instant

  package init(policy: SnapshotPolicy, limit: Int = 100_000, now: ContinuousClock.Instant) {
    self.policy = policy
    self.limit = limit
    pauseEnd = now
    recordDue = now + Self.recordInterval
  }

  /// The number of sessions that have changes which are in no snapshot, as far as they are counted.
  package var pendingCount: Int { pending.count }

  /// Applies a policy, and where the owned lanes stand. What is known of a lane ends with its ownership.
  package mutating func apply(_ new: SnapshotPolicy, _ owned: [Int32: CommittedLane]) {
    if new != policy {
      policy = new
      full = pending.filter { $0.value.changes >= new.everyChanges }.map(\.key)
    }
    if lanes.keys.contains(where: { owned[$0] == nil }) {
      lanes = lanes.filter { owned[$0.key] != nil }
      pending = pending.filter { owned[$0.key.lane] != nil }
    }
    for (id, committed) in owned {
      guard var lane = lanes[id] else {
        lanes[id] = Lane(committed: committed)
        continue
      }
      // The ledger went back: what is committed again there is counted again. A new incarnation has ids that go on, or it begins at 0-0, and
      // counting from there would count everything that the lane ever had.
      if committed.incarnation == lane.committed.incarnation, committed.position < lane.committed.position, let counted = lane.counted {
        lane.counted = min(counted, committed.position)
      }
      lane.committed = committed
      lanes[id] = lane
    }
  }

  package mutating func next(now: ContinuousClock.Instant) -> Action {
    if now < pauseEnd { return .wait(until: pauseEnd) }
    let new = lanes.filter { $0.value.counted == nil }.keys
    if !new.isEmpty { return .begin(new.sorted()) }
    if now >= recordDue {
      recordDue = now + Self.recordInterval
      let progress = progress()
      if !progress.isEmpty { return .record(progress) }
    }
    let due = takeDue(now: now)
    if !due.isEmpty { return .take(due) }
    if pending.count < limit {
      // The lane that is furthest behind by its ids comes first, so that none waits for a busy one.
      let moved = lanes.filter { ($0.value.counted ?? .zero) < $0.value.committed.position }
      if let (id, lane) = moved.min(by: { ($0.value.counted ?? .zero, $0.key) < ($1.value.counted ?? .zero, $1.key) }) {
        return .count(lane: id, after: lane.counted ?? .zero, rows: min(rows, limit))
      }
    }
    return .wait(until: now + Self.interval)
  }

  /// Records the progress of lanes that were read. A lane without one begins at its beginning.
  package mutating func began(_ ids: [Int32], at progress: [Int32: EntryID]) {
    for id in ids {
      lanes[id]?.counted = progress[id] ?? .zero
      lanes[id]?.recorded = progress[id]
    }
  }

  package mutating func counted(
    _ sessions: [ChangedSession], of id: Int32, rows asked: Int, took time: Duration, now: ContinuousClock.Instant
  ) {
    rows = BackgroundPace.size(after: rows, thatTook: time, within: 100...Self.mostRows)
    pauseEnd = now + BackgroundPace.pause(after: time)
    guard let lane = lanes[id], let counted = lane.counted else { return }
    for session in sessions { count(session, of: id, now: now) }
    let isWhole = sessions.reduce(0) { $0 + $1.total } >= asked
    let reached = sessions.map(\.last).max() ?? counted
    // Where nothing is left, entries without a change, such as dead letters, are passed too.
    lanes[id]?.counted = isWhole ? reached : max(reached, min(lane.committed.position, Self.lastOfLedger))
    byTime.compact(pending.count) { pending[$0]?.since == $1 }
  }

  /// An id beyond this is in the ledger as a negative number, and no change has one.
  private static let lastOfLedger = EntryID(ms: UInt64(Int64.max), no: UInt64(Int64.max))

  private mutating func count(_ change: ChangedSession, of lane: Int32, now: ContinuousClock.Instant) {
    guard let session = change.session else { return }
    let key = Key(lane: lane, session: session)
    if change.isTaken { pending[key] = nil }
    guard change.changes > 0, let first = change.first else { return }
    var waiting = pending[key] ?? Pending(changes: 0, since: now, first: first, last: change.last)
    if waiting.changes == 0 { byTime.append(key, since: now) }
    if waiting.changes < policy.everyChanges, waiting.changes + change.changes >= policy.everyChanges { full.append(key) }
    waiting.changes += change.changes
    waiting.last = max(waiting.last, change.last)
    pending[key] = waiting
  }

  /// Records that snapshots were taken.
  package mutating func taken(_ taken: [SnapshotOrder], took time: Duration, now: ContinuousClock.Instant) {
    orders = BackgroundPace.size(after: orders, thatTook: time, within: 1...Self.mostOrders)
    pauseEnd = now + BackgroundPace.pause(after: time)
    for order in taken { pending[Key(lane: order.lane, session: order.session)] = nil }
  }

  /// Records that none of these snapshots could be taken. They are tried again in smaller portions; one that fails alone waits
  /// as if it had just changed. Returns the session that failed alone.
  package mutating func failedToTake(_ failed: [SnapshotOrder], now: ContinuousClock.Instant) -> String? {
    pauseEnd = now + Self.failurePause
    orders = max(1, failed.count / 2)
    for order in failed {
      let key = Key(lane: order.lane, session: order.session)
      guard failed.count == 1 else {
        retries.append(key)
        continue
      }
      pending[key]?.since = now
      byTime.append(key, since: now)
    }
    return failed.count == 1 ? failed[0].session : nil
  }

  package mutating func recorded(_ progress: [Int32: EntryID]) {
    for (id, entry) in progress { lanes[id]?.recorded = entry }
  }

  /// Records a failure of another request.
  package mutating func failed(now: ContinuousClock.Instant) {
    pauseEnd = now + Self.failurePause
  }

  /// The next sessions that are due. They stay pending until their snapshots are taken.
  private mutating func takeDue(now: ContinuousClock.Instant) -> [SnapshotOrder] {
    var due: [Key: SnapshotOrder] = [:]
    func order(_ key: Key, _ waiting: Pending) -> SnapshotOrder {
      SnapshotOrder(
        lane: key.lane, session: key.session, entry: waiting.last, reason: waiting.changes >= policy.everyChanges ? .changes : .time)
    }
    while due.count < orders, let key = retries.popLast() {
      if let waiting = pending[key] { due[key] = order(key, waiting) }
    }
    while due.count < orders, let key = full.popLast() {
      if let waiting = pending[key], waiting.changes >= policy.everyChanges { due[key] = order(key, waiting) }
    }
    while due.count < orders, let first = byTime.first, first.since + policy.every <= now {
      byTime.removeFirst()
      // The session got a snapshot since, and waits anew.
      guard let waiting = pending[first.key], waiting.since == first.since else { continue }
      due[first.key] = order(first.key, waiting)
    }
    return due.values.sorted { ($0.session, $0.lane) < ($1.session, $1.lane) }
  }

  /// For each lane the entry up to which every change is in a snapshot, where that is not recorded yet.
  private func progress() -> [Int32: EntryID] {
    var reached = lanes.compactMapValues(\.counted)
    for (key, waiting) in pending {
      if let counted = reached[key.lane] { reached[key.lane] = min(counted, Self.place(before: waiting.first)) }
    }
    return reached.filter { $0.value != lanes[$0.key]?.recorded }
  }

  private static func place(before entry: EntryID) -> EntryID {
    if entry.no > 0 { return EntryID(ms: entry.ms, no: entry.no - 1) }
    return entry.ms > 0 ? EntryID(ms: entry.ms - 1, no: lastOfLedger.no) : .zero
  }

  /// Sessions in the order in which they began to wait.
  private struct TimeQueue {
    private var entries: [(key: Key, since: ContinuousClock.Instant)] = []
    private var head = 0

    var first: (key: Key, since: ContinuousClock.Instant)? { head < entries.count ? entries[head] : nil }

    mutating func append(_ key: Key, since: ContinuousClock.Instant) { entries.append((key, since)) }

    mutating func removeFirst() {
      head += 1
      guard head > 1_024, head * 2 > entries.count else { return }
      entries.removeFirst(head)
      head = 0
    }

    /// Removes sessions that got a snapshot since, where most of the queue is such ones.
    mutating func compact(_ count: Int, _ isWaiting: (Key, ContinuousClock.Instant) -> Bool) {
      guard entries.count - head > 2 * count + 1_024 else { return }
      entries = entries[head...].filter { isWaiting($0.key, $0.since) }
      head = 0
    }
  }
}
