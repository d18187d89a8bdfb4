import Testing

@testable import TidemarkCore

@Suite struct ObservationBudgetTests {
  private static let dear = ObservationBudget.Cost(strings: 2_000_000, bytes: 4 << 20)

  private static func check(_ cursor: UInt64 = 5, mayBeDeferred: Bool = true, _ question: ExpectedStream.Question = .comparison)
    -> ExpectedStream
  {
    var check = ExpectedStream(asking: "lane", cursor: EntryID(ms: cursor, no: 0), question: question)
    check.mayBeDeferred = mayBeDeferred
    return check
  }

  private static let observed = ObservedStream(
    stream: StreamInfo(
      length: 3, lastGeneratedID: EntryID(ms: 7, no: 0), entriesAdded: 7, maxDeletedID: .zero, firstID: EntryID(ms: 5, no: 0)),
    hasGroup: true, anchor: .gone)

  private func budget(_ check: ExpectedStream, cost: ObservationBudget.Cost = dear, facts: String = "facts") -> ObservationBudget {
    var budget = ObservationBudget()
    #expect(budget.effort(for: check, over: 1, now: epoch) == .whole)
    budget.inspected(check, over: 1, Self.observed, facts: facts, cost: cost, now: epoch)
    return budget
  }

  @Test func `a lane with a cheap inspection is inspected as a whole each time`() {
    var budget = budget(Self.check(), cost: .cheap)
    #expect(budget.effort(for: Self.check(), over: 1, now: epoch) == .whole)
  }

  @Test func `an expensive inspection is repeated only after a hundred times its cost and only if something has changed`() {
    var budget = budget(Self.check())
    let due = epoch.advanced(by: Self.dear.time * ObservationBudget.parts)
    #expect(Self.dear.time > .milliseconds(200))
    #expect(budget.effort(for: Self.check(), over: 1, now: due.advanced(by: .milliseconds(-1))) == .facts("facts"))
    #expect(budget.effort(for: Self.check(), over: 1, now: due) == .unlessSame("facts"))
    guard case .seen(let kept) = budget.unchanged(Self.check(), over: 1) else { return #expect(Bool(false)) }
    #expect(kept.stream == Self.observed.stream)
    guard case .deferred = budget.changed(Self.check(), over: 1, length: 4, added: 8) else { return #expect(Bool(false)) }
  }

  @Test func `an observation of another position, connection or question is not used`() {
    var budget = budget(Self.check())
    #expect(budget.effort(for: Self.check(6), over: 1, now: epoch) == .facts(""))
    #expect(budget.effort(for: Self.check(6), over: 1, now: epoch.advanced(by: .seconds(3_000))) == .whole)
    #expect(budget.effort(for: Self.check(), over: 2, now: epoch) == .whole)
    #expect(budget.effort(for: Self.check(5, .counters), over: 1, now: epoch) == .whole)
  }

  @Test func `a lane that may not be deferred is inspected as a whole, unless its cheap facts are unchanged`() {
    var budget = budget(Self.check())
    #expect(budget.effort(for: Self.check(mayBeDeferred: false), over: 1, now: epoch) == .unlessSame("facts"))
    #expect(budget.effort(for: Self.check(6, mayBeDeferred: false), over: 1, now: epoch) == .whole)
    var blind = self.budget(Self.check(), facts: "")
    #expect(blind.effort(for: Self.check(mayBeDeferred: false), over: 1, now: epoch) == .whole)
    #expect(blind.effort(for: Self.check(), over: 1, now: epoch) == .facts(""))
  }

  @Test func `the lag of a lane that is not inspected is known from the counters`() throws {
    let check = Self.check(5, .counters)
    let budget = budget(check)
    guard case .seen(let observed) = budget.changed(check, over: 1, length: 40, added: 44) else { return #expect(Bool(false)) }
    var record = LaneRecord.named("lane", cursor: LaneCursor(position: EntryID(ms: 41, no: 0), appliedNo: 0))
    record.ordinal = 41
    #expect(LagMeasure.lag(observed.stream, record: record, oldestUncommitted: EntryID(ms: 42, no: 0), now: 1_042).entries == 3)
    #expect(LagMeasure.lag(observed.stream, record: record, oldestUncommitted: EntryID(ms: 42, no: 0), now: 1_042).seconds == 1)
    guard case .deferred = budget.changed(check, over: 1, length: 40, added: nil) else { return #expect(Bool(false)) }
  }

  @Test func `observations that are not asked for any more are forgotten`() {
    var budget = budget(Self.check())
    var other = Self.check()
    other.lane = "other"
    budget.inspected(other, over: 1, Self.observed, facts: "", cost: Self.dear, now: epoch.advanced(by: .seconds(4_000)))
    #expect(budget.effort(for: Self.check(mayBeDeferred: true), over: 1, now: epoch.advanced(by: .seconds(4_000))) == .whole)
  }
}
