import Testing
import TidemarkCore

@Suite struct SnapshotPlanTests {
  private static let start = ContinuousClock.now
  private static let policy = SnapshotPolicy(everyChanges: 10, every: .seconds(60))

  private static func entry(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }

  private static func changes(_ session: String?, _ count: Int, _ first: UInt64, taken: Bool = false, total: Int? = nil) -> ChangedSession {
    ChangedSession(
      session: session, total: total ?? count, changes: count, isTaken: taken, first: count > 0 ? entry(first) : nil,
      last: entry(first + UInt64(max(0, count - 1))))
  }

  private static func lane(_ ms: UInt64, incarnation: Int64 = 1) -> CommittedLane {
    CommittedLane(position: entry(ms), incarnation: incarnation)
  }

  private static func order(_ session: String, _ ms: UInt64, _ reason: SnapshotOrder.Reason) -> SnapshotOrder {
    SnapshotOrder(lane: 1, session: session, entry: entry(ms), reason: reason)
  }

  /// A plan with one lane, whose progress was read.
  private static func plan(at committed: UInt64, counted: UInt64? = nil, limit: Int = 100_000) -> SnapshotPlan {
    var plan = SnapshotPlan(policy: policy, limit: limit, now: start)
    plan.apply(policy, [1: lane(committed)])
    _ = plan.next(now: start)
    plan.began([1], at: counted.map { [1: entry($0)] } ?? [:])
    return plan
  }

  /// The next action apart from records of the progress, which are executed.
  private static func next(_ plan: inout SnapshotPlan, _ now: ContinuousClock.Instant) -> SnapshotPlan.Action {
    let action = plan.next(now: now)
    guard case .record(let progress) = action else { return action }
    plan.recorded(progress)
    return plan.next(now: now)
  }

  @Test func `a new lane is counted from its recorded progress, and one without any from its beginning`() {
    var plan = SnapshotPlan(policy: Self.policy, now: Self.start)
    plan.apply(Self.policy, [1: Self.lane(9), 2: Self.lane(9)])
    #expect(plan.next(now: Self.start) == .begin([1, 2]))
    plan.began([1, 2], at: [1: Self.entry(5)])
    #expect(plan.next(now: Self.start) == .count(lane: 2, after: .zero, rows: 5_000))
    plan.counted([], of: 2, rows: 5_000, took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .count(lane: 1, after: Self.entry(5), rows: 5_000))
    plan.counted([], of: 1, rows: 5_000, took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(1)))
  }

  @Test func `a session gets a snapshot at its last counted change once it has enough, over several counts`() {
    var plan = Self.plan(at: 9)
    plan.counted([Self.changes("a", 9, 1), Self.changes("b", 3, 20)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(1)))
    plan.apply(Self.policy, [1: Self.lane(30)])
    #expect(plan.next(now: Self.start) == .count(lane: 1, after: Self.entry(22), rows: 5_000))
    plan.counted([Self.changes("a", 1, 30)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .take([Self.order("a", 30, .changes)]))
    plan.taken([Self.order("a", 30, .changes)], took: .zero, now: Self.start)
    #expect(plan.pendingCount == 1)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(1)))
  }

  @Test func `a session that changed gets a snapshot after the time, once, and waits anew from its next change`() {
    var plan = Self.plan(at: 9)
    plan.counted([Self.changes("a", 2, 1)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    let due = Self.start + .seconds(60)
    #expect(Self.next(&plan, due - .milliseconds(1)) == .wait(until: due + .milliseconds(999)))
    #expect(Self.next(&plan, due) == .take([Self.order("a", 2, .time)]))
    plan.taken([Self.order("a", 2, .time)], took: .zero, now: due)
    plan.apply(Self.policy, [1: Self.lane(40)])
    plan.counted([Self.changes("a", 1, 40)], of: 1, rows: 5_000, took: .zero, now: due + .seconds(1))
    #expect(Self.next(&plan, due + .seconds(60)) == .wait(until: due + .seconds(61)))
    #expect(Self.next(&plan, due + .seconds(61)) == .take([Self.order("a", 40, .time)]))
  }

  @Test func `a change with a snapshot of its own ends the wait of those before it`() {
    var plan = Self.plan(at: 9)
    plan.counted([Self.changes("a", 9, 1), Self.changes("b", 9, 1)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    plan.counted(
      [Self.changes("a", 0, 20, taken: true, total: 4), Self.changes("b", 2, 21, taken: true, total: 3)], of: 1, rows: 5_000,
      took: .zero, now: Self.start + .seconds(30))
    #expect(plan.pendingCount == 1)
    #expect(Self.next(&plan, Self.start + .seconds(60)) == .wait(until: Self.start + .seconds(61)))
    #expect(Self.next(&plan, Self.start + .seconds(90)) == .take([Self.order("b", 22, .time)]))
  }

  @Test func `progress ends before the first change that is in no snapshot, and is recorded every ten seconds where it changed`() {
    var plan = Self.plan(at: 50)
    plan.counted([Self.changes("a", 2, 10), Self.changes("b", 2, 7)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    let later = Self.start + .seconds(10)
    let before = [Int32(1): EntryID(ms: 6, no: UInt64(Int64.max))]
    #expect(plan.next(now: later) == .record(before))
    plan.recorded(before)
    #expect(plan.next(now: later + .seconds(10)) == .wait(until: later + .seconds(11)))
    plan.taken([Self.order("a", 11, .time), Self.order("b", 8, .time)], took: .zero, now: later)
    #expect(plan.next(now: later + .seconds(20)) == .record([1: Self.entry(50)]))
  }

  @Test func `a whole piece is followed by the next, and what belongs to no session is passed`() {
    var plan = Self.plan(at: 9_000)
    plan.counted(
      [Self.changes(nil, 4_000, 1), Self.changes("a", 1_000, 4_001)], of: 1, rows: 5_000, took: .milliseconds(40),
      now: Self.start)
    #expect(plan.pendingCount == 1)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .milliseconds(760)))
    _ = plan.next(now: Self.start + .milliseconds(760))
    #expect(plan.next(now: Self.start + .milliseconds(760)) == .count(lane: 1, after: Self.entry(5_000), rows: 5_000))
  }

  @Test func `slow requests become smaller`() {
    var plan = Self.plan(at: 9_000)
    plan.counted([Self.changes("a", 5_000, 1)], of: 1, rows: 5_000, took: .milliseconds(60), now: Self.start)
    let later = Self.start + .seconds(2)
    #expect(plan.next(now: later) == .take([Self.order("a", 5_000, .changes)]))
    plan.taken([Self.order("a", 5_000, .changes)], took: .zero, now: later)
    #expect(plan.next(now: later) == .count(lane: 1, after: Self.entry(5_000), rows: 2_500))
  }

  @Test func `while as many sessions wait as may, nothing more is counted`() {
    var plan = Self.plan(at: 9, limit: 2)
    plan.counted([Self.changes("a", 1, 1), Self.changes("b", 1, 2)], of: 1, rows: 2, took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(1)))
    plan.taken([Self.order("a", 1, .time)], took: .zero, now: Self.start)
    #expect(plan.next(now: Self.start) == .count(lane: 1, after: Self.entry(2), rows: 2))
  }

  @Test func `what is known of a lane ends with its ownership, and with a ledger that went back`() {
    var plan = Self.plan(at: 50)
    plan.counted([Self.changes("a", 1, 50)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    plan.apply(Self.policy, [1: Self.lane(20)])
    plan.apply(Self.policy, [1: Self.lane(30)])
    #expect(plan.next(now: Self.start) == .count(lane: 1, after: Self.entry(20), rows: 5_000))
    plan.apply(Self.policy, [2: Self.lane(1)])
    #expect(plan.pendingCount == 0)
    #expect(plan.next(now: Self.start) == .begin([2]))
  }

  @Test func `a lane that begins anew is not counted from its beginning`() {
    var plan = Self.plan(at: 50)
    plan.counted([], of: 1, rows: 5_000, took: .zero, now: Self.start)
    plan.apply(Self.policy, [1: Self.lane(0, incarnation: 2)])
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(1)))
    plan.apply(Self.policy, [1: Self.lane(60, incarnation: 2)])
    #expect(plan.next(now: Self.start) == .count(lane: 1, after: Self.entry(50), rows: 5_000))
  }

  @Test func `snapshots that fail together are tried in halves, and one that fails alone lets the others go on`() {
    var plan = Self.plan(at: 50)
    plan.counted([Self.changes("a", 10, 1), Self.changes("b", 10, 11)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    let (a, b) = (Self.order("a", 10, .changes), Self.order("b", 20, .changes))
    #expect(plan.next(now: Self.start) == .take([a, b]))
    #expect(plan.failedToTake([a, b], now: Self.start) == nil)
    #expect(plan.next(now: Self.start) == .wait(until: Self.start + .seconds(5)))
    let later = Self.start + .seconds(5)
    #expect(plan.next(now: later) == .take([b]))
    #expect(plan.failedToTake([b], now: later) == "b")
    #expect(Self.next(&plan, later + .seconds(5)) == .take([a]))
    plan.taken([a], took: .zero, now: later + .seconds(5))
    #expect(Self.next(&plan, later + .seconds(59)) == .wait(until: later + .seconds(60)))
    #expect(Self.next(&plan, later + .seconds(60)) == .take([b]))
  }

  @Test func `a policy that asks for more takes hold of sessions that wait`() {
    var plan = Self.plan(at: 50)
    plan.counted([Self.changes("a", 5, 1)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    plan.apply(SnapshotPolicy(everyChanges: 5, every: .seconds(60)), [1: Self.lane(50)])
    #expect(plan.next(now: Self.start) == .take([Self.order("a", 5, .changes)]))
    var other = Self.plan(at: 50)
    other.counted([Self.changes("a", 5, 1)], of: 1, rows: 5_000, took: .zero, now: Self.start)
    other.apply(SnapshotPolicy(everyChanges: 10, every: .seconds(2)), [1: Self.lane(50)])
    #expect(other.next(now: Self.start + .seconds(2)) == .take([Self.order("a", 5, .time)]))
  }
}
