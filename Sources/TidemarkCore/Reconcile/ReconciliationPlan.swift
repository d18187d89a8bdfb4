/// Decides when which lane's log is compared with Postgres, how many entries at once, and how long to pause in between.
///
/// Each lane is followed from where it is verified to its committed cursor. A lane that has got there is due again after the interval; lanes that have
/// not take turns, piece by piece. A piece is bounded; the pause after it keeps the work at a small share of the servers' time and below the rate. While
/// the replication lags, nothing is compared.
///
/// It is a value without I/O; the caller passes the time.
package struct ReconciliationPlan: Sendable {
  package enum Action: Sendable, Equatable {
    case wait(until: ContinuousClock.Instant)
    /// Read how far these lanes are verified; then call ``began(_:now:)``.
    case begin([Int32])
    /// Compare a piece; then call ``compared(_:_:took:now:)``, ``overran(_:now:)`` or ``failed(_:now:)``.
    case compare(Order)
    /// Apply what Postgres lacks of a lane and Redis still has; then call ``repaired(_:took:now:)`` or ``repairFailed(_:now:)``.
    case repair(Int32)
  }

  /// A piece of a lane to compare.
  package struct Order: Sendable, Equatable {
    package var lane: Int32
    package var incarnation: Int64
    /// Behind where the lane is verified, and through its committed cursor.
    package var range: EntryRange
    /// The largest number of entries to read.
    package var entries: Int
  }

  /// The result of comparing a piece.
  package struct Piece: Sendable, Equatable {
    package var through: EntryID
    /// The number of entries and of changes that were compared.
    package var size: Int
    /// Whether Postgres lacks something that may be repaired.
    package var hasMissing: Bool

    package init(through: EntryID, size: Int, hasMissing: Bool) {
      self.through = through
      self.size = size
      self.hasMissing = hasMissing
    }
  }

  static let firstEntries = 16
  package static let mostEntries = 1_000
  /// The number of lanes that are begun together.
  static let mostLanes = 256
  /// The delay after which a comparison that is held up by the replication looks again.
  static let heldUpWait = Duration.seconds(1)
  static let failurePause = Duration.seconds(5)
  /// The shortest delay after which a failed repair is tried again.
  static let repairWait = Duration.seconds(60)

  private struct Lane: Sendable {
    var incarnation: Int64
    var verified: EntryID
    var due: ContinuousClock.Instant
    /// When what is missing is to be repaired; nil where nothing is.
    var repairDue: ContinuousClock.Instant?

    var next: ContinuousClock.Instant { min(due, repairDue ?? due) }
  }

  private var limits = ReconciliationLimits()
  private var lanes: [Int32: Lane] = [:]
  /// The lane whose turn was last.
  private var last = Int32.min
  private var entries = ReconciliationPlan.firstEntries
  private var pauseEnd: ContinuousClock.Instant

  package init(now: ContinuousClock.Instant) {
    pauseEnd = now
  }

  package mutating func next(_ facts: ReconciliationFacts, now: ContinuousClock.Instant) -> Action {
    apply(facts, now: now)
    guard !facts.isHeldUp else { return .wait(until: now + Self.heldUpWait) }
    guard now >= pauseEnd else { return .wait(until: pauseEnd) }
    let new = facts.lanes.keys.filter { lanes[$0] == nil }.sorted()
    guard new.isEmpty else { return .begin(Array(new.prefix(Self.mostLanes))) }
    for (id, lane) in lanes where lane.due <= now {
      if let committed = facts.lanes[id], lane.verified >= committed.position { lanes[id]?.due = now + limits.interval }
    }
    let ready = lanes.filter { $0.value.next <= now }.keys
    guard let id = ready.filter({ $0 > last }).min() ?? ready.min(), let lane = lanes[id], let committed = facts.lanes[id] else {
      return .wait(until: lanes.values.map(\.next).min() ?? now + limits.interval)
    }
    last = id
    if let due = lane.repairDue, due <= now { return .repair(id) }
    return .compare(
      Order(
        lane: id, incarnation: lane.incarnation, range: EntryRange(after: lane.verified, through: committed.position), entries: entries))
  }

  /// Takes over what changed: other limits, and lanes that are owned no longer or have another incarnation.
  private mutating func apply(_ facts: ReconciliationFacts, now: ContinuousClock.Instant) {
    if facts.limits.interval < limits.interval {
      let latest = now + facts.limits.interval
      for (id, lane) in lanes where lane.due > latest { lanes[id]?.due = latest }
    }
    if facts.limits.repair != .none, limits.repair == .none {
      for id in Array(lanes.keys) { lanes[id]?.repairDue = now }
    } else if facts.limits.repair == .none {
      for id in Array(lanes.keys) { lanes[id]?.repairDue = nil }
    }
    limits = facts.limits
    lanes = lanes.filter { facts.lanes[$0.key]?.incarnation == $0.value.incarnation }
  }

  /// Records how far lanes are verified. Lanes that are left out are asked for again.
  package mutating func began(_ verified: [VerifiedLane], now: ContinuousClock.Instant) {
    for lane in verified {
      lanes[lane.laneID] = Lane(
        incarnation: lane.incarnation, verified: lane.through, due: now, repairDue: limits.repair == .none ? nil : now)
    }
  }

  package mutating func compared(_ order: Order, _ piece: Piece, took time: Duration, now: ContinuousClock.Instant) {
    pause(time, piece.size, now: now)
    entries = BackgroundPace.size(after: entries, thatTook: time, within: 1...Self.mostEntries)
    guard lanes[order.lane]?.incarnation == order.incarnation else { return }
    lanes[order.lane]?.verified = piece.through
    if piece.hasMissing, limits.repair != .none { lanes[order.lane]?.repairDue = now }
  }

  /// Records that a piece was larger than its budget and was dropped.
  package mutating func overran(_ order: Order, now: ContinuousClock.Instant) {
    entries = max(1, order.entries / 8)
    pauseEnd = now + BackgroundPace.target
  }

  package mutating func repaired(_ lane: Int32, took time: Duration, now: ContinuousClock.Instant) {
    pause(time, 0, now: now)
    lanes[lane]?.repairDue = nil
  }

  /// Records that a lane could not be repaired. Its comparison goes on.
  package mutating func repairFailed(_ lane: Int32, now: ContinuousClock.Instant) {
    pauseEnd = now + Self.failurePause
    lanes[lane]?.repairDue = now + max(limits.interval, Self.repairWait)
  }

  /// Records that something of a lane failed, or means nothing any more because the lane changed meanwhile. The other lanes go on.
  ///
  /// - Parameter lane: nil where lanes could not be begun.
  package mutating func failed(_ lane: Int32?, now: ContinuousClock.Instant) {
    pauseEnd = now + Self.failurePause
    guard let lane else { return }
    // How far it is verified is read again: it may be another owner's by now.
    lanes[lane] = nil
  }

  private mutating func pause(_ time: Duration, _ size: Int, now: ContinuousClock.Instant) {
    pauseEnd = now + limits.pause(after: time, size: size)
  }
}
