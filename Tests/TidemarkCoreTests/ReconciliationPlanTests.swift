import Testing

@testable import TidemarkCore

@Suite struct ReconciliationPlanTests {
  private static let start = ContinuousClock.now

  private static func entry(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }

  private static func facts(
    _ lanes: [Int32: UInt64], incarnation: Int64 = 1, rate: Int = 1_000_000, repair: ReconciliationLimits.Repair = .none,
    isHeldUp: Bool = false
  ) -> ReconciliationFacts {
    ReconciliationFacts(
      lanes: lanes.mapValues { CommittedLane(position: entry($0), incarnation: incarnation) },
      limits: ReconciliationLimits(interval: .seconds(60), rate: rate, repair: repair), isHeldUp: isHeldUp)
  }

  private static func verified(_ lane: Int32, _ ms: UInt64, incarnation: Int64 = 1) -> VerifiedLane {
    VerifiedLane(laneID: lane, incarnation: incarnation, began: .zero, through: entry(ms))
  }

  /// A plan that knows how far these lanes are verified.
  private static func plan(_ facts: ReconciliationFacts, _ lanes: [VerifiedLane]) -> ReconciliationPlan {
    var plan = ReconciliationPlan(now: start)
    #expect(plan.next(facts, now: start) == .begin(facts.lanes.keys.sorted()))
    plan.began(lanes, now: start)
    return plan
  }

  private static func order(_ action: ReconciliationPlan.Action) -> ReconciliationPlan.Order? {
    if case .compare(let order) = action { order } else { nil }
  }

  private static func piece(_ ms: UInt64, size: Int = 1, missing: Bool = false) -> ReconciliationPlan.Piece {
    ReconciliationPlan.Piece(through: entry(ms), size: size, hasMissing: missing)
  }

  @Test func `a lane is followed from where it is verified to its cursor, and then rests for the interval`() throws {
    let facts = Self.facts([1: 9])
    var plan = Self.plan(facts, [Self.verified(1, 5)])
    let order = try #require(Self.order(plan.next(facts, now: Self.start)))
    #expect(order.range == EntryRange(after: Self.entry(5), through: Self.entry(9)))
    plan.compared(order, Self.piece(7), took: .zero, now: Self.start)
    let next = try #require(Self.order(plan.next(facts, now: Self.start + .seconds(1))))
    #expect(next.range.after == Self.entry(7))
    plan.compared(next, Self.piece(9), took: .zero, now: Self.start + .seconds(1))
    let end = Self.start + .seconds(2)
    #expect(plan.next(facts, now: end) == .wait(until: end + .seconds(60)))
    let grown = Self.facts([1: 12])
    #expect(plan.next(grown, now: end + .seconds(59)) == .wait(until: end + .seconds(60)))
    #expect(Self.order(plan.next(grown, now: end + .seconds(60)))?.range.after == Self.entry(9))
  }

  @Test func `lanes take turns`() throws {
    let facts = Self.facts([1: 9, 2: 9, 3: 9])
    var plan = Self.plan(facts, [1, 2, 3].map { Self.verified($0, 0) })
    var now = Self.start
    var turns: [Int32] = []
    for _ in 0..<4 {
      let order = try #require(Self.order(plan.next(facts, now: now)))
      turns.append(order.lane)
      plan.compared(order, Self.piece(1), took: .zero, now: now)
      now += .seconds(1)
    }
    #expect(turns == [1, 2, 3, 1])
  }

  @Test func `a piece is followed by a pause of many times its time, and by one that keeps the rate`() throws {
    let facts = Self.facts([1: 9], rate: 100)
    var plan = Self.plan(facts, [Self.verified(1, 0)])
    let first = try #require(Self.order(plan.next(facts, now: Self.start)))
    plan.compared(first, Self.piece(1, size: 50), took: .milliseconds(1), now: Self.start)
    #expect(plan.next(facts, now: Self.start) == .wait(until: Self.start + .milliseconds(500)))
    let later = Self.start + .milliseconds(500)
    let second = try #require(Self.order(plan.next(facts, now: later)))
    plan.compared(second, Self.piece(2, size: 1), took: .milliseconds(100), now: later)
    #expect(plan.next(facts, now: later) == .wait(until: later + .milliseconds(1_900)))
  }

  @Test func `pieces grow while they are quick, and shrink when they are slow or too large`() throws {
    let facts = Self.facts([1: 9])
    var plan = Self.plan(facts, [Self.verified(1, 0)])
    var now = Self.start
    func next(_ plan: inout ReconciliationPlan) throws -> ReconciliationPlan.Order {
      now += .seconds(100)
      return try #require(Self.order(plan.next(facts, now: now)))
    }
    var order = try next(&plan)
    #expect(order.entries == 16)
    plan.compared(order, Self.piece(1), took: .milliseconds(1), now: now)
    order = try next(&plan)
    #expect(order.entries == 32)
    plan.compared(order, Self.piece(2), took: .milliseconds(200), now: now)
    order = try next(&plan)
    #expect(order.entries == 16)
    plan.overran(order, now: now)
    order = try next(&plan)
    #expect(order.entries == 2)
    plan.overran(order, now: now)
    #expect(try next(&plan).entries == 1)
  }

  @Test func `while the replication needs the servers nothing is compared`() {
    let facts = Self.facts([1: 9], isHeldUp: true)
    var plan = ReconciliationPlan(now: Self.start)
    #expect(plan.next(facts, now: Self.start) == .wait(until: Self.start + .seconds(1)))
  }

  @Test func `a lane of another incarnation is begun anew, and what was under way of the old one does not count`() throws {
    let facts = Self.facts([1: 9])
    var plan = Self.plan(facts, [Self.verified(1, 5)])
    let order = try #require(Self.order(plan.next(facts, now: Self.start)))
    let next = Self.facts([1: 3], incarnation: 2)
    #expect(plan.next(next, now: Self.start) == .begin([1]))
    plan.began([Self.verified(1, 0, incarnation: 2)], now: Self.start)
    plan.compared(order, Self.piece(9), took: .zero, now: Self.start)
    #expect(Self.order(plan.next(next, now: Self.start + .seconds(1)))?.range.after == .zero)
  }

  @Test func `after a failure it is read again how far the lane is verified, and the others go on`() throws {
    let facts = Self.facts([1: 9, 2: 9])
    var plan = Self.plan(facts, [Self.verified(1, 5), Self.verified(2, 5)])
    #expect(try #require(Self.order(plan.next(facts, now: Self.start))).lane == 1)
    plan.failed(1, now: Self.start)
    #expect(plan.next(facts, now: Self.start) == .wait(until: Self.start + .seconds(5)))
    #expect(plan.next(facts, now: Self.start + .seconds(5)) == .begin([1]))
    plan.began([Self.verified(1, 5)], now: Self.start + .seconds(5))
    #expect(Self.order(plan.next(facts, now: Self.start + .seconds(5)))?.lane == 2)
  }

  @Test func `what is missing is repaired only where the settings say so`() throws {
    let none = Self.facts([1: 9])
    var plan = Self.plan(none, [Self.verified(1, 5)])
    var order = try #require(Self.order(plan.next(none, now: Self.start)))
    plan.compared(order, Self.piece(9, missing: true), took: .zero, now: Self.start)
    let later = Self.start + .seconds(1)
    guard case .wait = plan.next(none, now: later) else { throw Unexpected() }
    // What was found before is repaired as well.
    let missing = Self.facts([1: 12], repair: .missing)
    #expect(plan.next(missing, now: later) == .repair(1))
    plan.repaired(1, took: .zero, now: later)
    let end = later + .seconds(60)
    order = try #require(Self.order(plan.next(missing, now: end)))
    plan.compared(order, Self.piece(12, missing: true), took: .zero, now: end)
    #expect(plan.next(missing, now: end + .seconds(1)) == .repair(1))
  }

  @Test func `a repair that fails is tried again later, and keeps nothing from being compared`() throws {
    let facts = Self.facts([1: 9], repair: .missing)
    var plan = Self.plan(facts, [Self.verified(1, 5)])
    #expect(plan.next(facts, now: Self.start) == .repair(1))
    plan.repairFailed(1, now: Self.start)
    let later = Self.start + .seconds(5)
    let order = try #require(Self.order(plan.next(facts, now: later)))
    plan.compared(order, Self.piece(9), took: .zero, now: later)
    #expect(plan.next(facts, now: Self.start + .seconds(60)) == .repair(1))
  }

  @Test func `differences are told at once, and then at most every ten seconds`() {
    func found(_ kind: Divergence.Kind) -> Divergence { Divergence(lane: "one", session: nil, kind: kind, subject: "1", detail: "") }
    var burst = DivergenceBurst()
    #expect(burst.due == nil)
    burst.add([found(.entryDeleted), found(.entryDeleted), found(.sequenceGap)], now: Self.start)
    let first = burst.take(now: Self.start)
    #expect(first?.counts == [.entryDeleted: 2, .sequenceGap: 1])
    #expect(first?.lanes == ["one"])
    burst.add([found(.entryDeleted)], now: Self.start + .seconds(1))
    #expect(burst.take(now: Self.start + .seconds(9)) == nil)
    #expect(burst.due == Self.start + .seconds(10))
    #expect(burst.take(now: Self.start + .seconds(10))?.counts == [.entryDeleted: 1])
    #expect(burst.take(now: Self.start + .seconds(99)) == nil)
  }
}

private struct Unexpected: Error {}
