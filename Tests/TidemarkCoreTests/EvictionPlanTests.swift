import Testing
import TidemarkCore

@Suite struct EvictionPlanTests {
  private let start = ContinuousClock.now
  private let place = HotPlace(server: 0, cursor: "7")

  @Test func `without a limit nothing is searched`() {
    let plan = EvictionPlan(now: start)
    #expect(plan.next(idle: .zero, now: start) == .wait(until: start + .seconds(60)))
  }

  @Test func `pages follow one another at a twentieth of the time, and the search begins again`() {
    var plan = EvictionPlan(now: start)
    let idle = Duration.seconds(40)
    #expect(plan.next(idle: idle, now: start) == .search(after: nil))
    plan.searched(next: place, idle: idle, took: .milliseconds(10), now: start)
    #expect(plan.next(idle: idle, now: start) == .wait(until: start + .milliseconds(190)))
    let later = start + .milliseconds(190)
    #expect(plan.next(idle: idle, now: later) == .search(after: place))
    plan.searched(next: nil, idle: idle, took: .milliseconds(10), now: later)
    #expect(plan.next(idle: idle, now: later) == .wait(until: later + .seconds(10)))
    #expect(plan.next(idle: idle, now: later + .seconds(10)) == .search(after: nil))
  }

  @Test func `after a failure the search begins again, and not at once`() {
    var plan = EvictionPlan(now: start)
    plan.searched(next: place, idle: .seconds(1), took: .zero, now: start)
    plan.failed(idle: .seconds(1), now: start)
    #expect(plan.next(idle: .seconds(1), now: start) == .wait(until: start + .milliseconds(250)))
    #expect(plan.next(idle: .seconds(1), now: start + .milliseconds(250)) == .search(after: nil))
  }
}
