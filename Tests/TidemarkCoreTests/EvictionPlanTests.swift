import Testing

@testable import TidemarkCore

@Suite struct EvictionPlanTests {
  private let start = ContinuousClock.now
  private let place = HotPlace(server: 0, cursor: "7")

  private static func facts(_ idle: Duration, owned: [String] = ["a"], isPostgresAway: Bool = false) -> EvictionFacts {
    EvictionFacts(
      idle: idle, memoryLimit: 0.8, owned: Dictionary(uniqueKeysWithValues: owned.map { ($0, EvictionWorld.installation) }),
      isPostgresAway: isPostgresAway)
  }

  private static func page(_ sessions: [FoundSession] = [], next: HotPlace?) -> HotPage {
    HotPage(sessions: sessions, now: EvictionWorld.start, next: next)
  }

  @Test func `without a limit nothing is searched`() {
    var plan = EvictionPlan(now: start)
    #expect(plan.next(Self.facts(.zero), now: start) == .wait(until: start + .seconds(60)))
  }

  @Test func `nothing is searched while Postgres is away, and the search begins anew when it is back`() {
    var plan = EvictionPlan(now: start)
    let facts = Self.facts(.seconds(40))
    #expect(plan.next(facts, now: start) == .search(after: nil))
    plan.found(Self.page([EvictionWorld.session("s", unused: 50)], next: place), facts, took: .milliseconds(10), now: start)
    #expect(plan.next(Self.facts(.seconds(40), isPostgresAway: true), now: start) == .wait(until: start + .seconds(60)))
    #expect(plan.next(facts, now: start + .seconds(1)) == .search(after: nil))
  }

  @Test func `pages follow one another at a twentieth of the time, and the search begins again`() {
    var plan = EvictionPlan(now: start)
    let facts = Self.facts(.seconds(40))
    #expect(plan.next(facts, now: start) == .search(after: nil))
    plan.found(Self.page(next: place), facts, took: .milliseconds(10), now: start)
    #expect(plan.next(facts, now: start) == .wait(until: start + .milliseconds(190)))
    let later = start + .milliseconds(190)
    #expect(plan.next(facts, now: later) == .search(after: place))
    plan.found(Self.page(next: nil), facts, took: .milliseconds(10), now: later)
    #expect(plan.next(facts, now: later) == .wait(until: later + .seconds(10)))
    #expect(plan.next(facts, now: later + .seconds(10)) == .search(after: nil))
  }

  @Test func `the durable sessions of a page that were idle for long enough leave at once, if this worker owns their lane`() {
    var plan = EvictionPlan(now: start)
    let facts = Self.facts(.seconds(40))
    let sessions = [
      EvictionWorld.session("idle", unused: 40), EvictionWorld.session("used", unused: 39),
      EvictionWorld.session("not durable", unused: 50, isDurable: false), EvictionWorld.session("elsewhere", unused: 50, in: "b"),
      EvictionWorld.session("older", unused: 50),
    ]
    _ = plan.next(facts, now: start)
    plan.found(Self.page(sessions, next: place), facts, took: .milliseconds(10), now: start)
    let eviction = Eviction(sessions: ["idle", "older"], reason: .idle, idle: .seconds(40), installation: EvictionWorld.installation)
    #expect(plan.next(facts, now: start) == .evict(eviction))
    plan.evicted(2, eviction, took: .milliseconds(10), now: start)
    // The time of both counts.
    #expect(plan.next(facts, now: start) == .wait(until: start + .milliseconds(380)))
  }

  @Test func `after a failure the search begins again, and not at once`() {
    var plan = EvictionPlan(now: start)
    let facts = Self.facts(.seconds(1))
    _ = plan.next(facts, now: start)
    plan.found(Self.page(next: place), facts, took: .zero, now: start)
    plan.failed(now: start)
    #expect(plan.next(facts, now: start) == .wait(until: start + .milliseconds(250)))
    #expect(plan.next(facts, now: start + .milliseconds(250)) == .search(after: nil))
  }
}
