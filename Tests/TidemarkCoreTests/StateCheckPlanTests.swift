import Testing

@testable import TidemarkCore

@Suite struct StateCheckPlanTests {
  private struct Run {
    var now = ContinuousClock().now
    var plan: StateCheckPlan
    var limits = ReconciliationLimits(interval: .seconds(60), rate: 1_000_000)

    init() {
      plan = StateCheckPlan(now: now)
    }

    /// The next action that is not a wait, and the time that was waited for it.
    mutating func next() -> (action: StateCheckPlan.Action, waited: Duration) {
      let start = now
      while true {
        let action = plan.next(limits, isResponsible: true, isHeldUp: false, now: now)
        guard case .wait(let moment) = action else { return (action, start.duration(to: now)) }
        now = max(moment, now + .nanoseconds(1))
      }
    }

    mutating func expect(_ action: StateCheckPlan.Action, sourceLocation: SourceLocation = #_sourceLocation) {
      let next = next().action
      #expect(next == action, sourceLocation: sourceLocation)
    }

    /// Begins with all walks at their beginning, unless something else is known.
    mutating func begin(_ walks: [StateWalk: WalkProgress] = [:]) {
      expect(.begin)
      plan.began(walks, now: now)
    }
  }

  @Test func `walks that are due take turns`() {
    var run = Run()
    run.begin()
    run.expect(.find(after: nil))
    let place = HotPlace(server: 0, cursor: "7")
    let isLastPage = run.plan.found(["a", "b"], next: place, took: .zero, now: run.now)
    #expect(!isLastPage)
    run.expect(.findChanged)
    run.plan.found(changed: ["c"], took: .zero, now: run.now)
    run.expect(.checkSessions(after: "", limit: 10))
    run.plan.checkedSessions(10, through: "s9", took: .zero, now: run.now)
    run.expect(.checkChanges(after: nil, limit: 100))
    run.plan.checkedChanges(100, next: TrailPlace(lane: 1, entry: EntryID(ms: 5, no: 0)), took: .zero, now: run.now)
    run.expect(.compare(["a", "b"]))
    run.plan.compared(2, bytes: 0, took: .zero, now: run.now)
    run.expect(.compare(["c"]))
    run.plan.compared(1, bytes: 0, took: .zero, now: run.now)
    run.expect(.checkSessions(after: "s9", limit: 20))
    run.plan.checkedSessions(20, through: nil, took: .zero, now: run.now)
    run.expect(.checkChanges(after: TrailPlace(lane: 1, entry: EntryID(ms: 5, no: 0)), limit: 200))
    run.plan.checkedChanges(200, next: nil, took: .zero, now: run.now)
    run.expect(.find(after: place))
    let isLast = run.plan.found([], next: nil, took: .zero, now: run.now)
    #expect(isLast)
    let (action, waited) = run.next()
    #expect(action == .findChanged && waited > .seconds(59) && waited < .seconds(61))
  }

  @Test func `what was walked over is due again a day after it was begun, and what was interrupted at once`() {
    var run = Run()
    run.begin([
      .hot: WalkProgress(place: nil, age: .seconds(86_000)), .sessions: WalkProgress(place: "s5", age: .seconds(10)),
      .changes: WalkProgress(place: nil, age: .seconds(86_390)),
    ])
    run.expect(.findChanged)
    run.plan.found(changed: [], took: .zero, now: run.now)
    run.expect(.checkSessions(after: "s5", limit: 10))
    run.plan.checkedSessions(0, through: nil, took: .zero, now: run.now)
    let (action, waited) = run.next()
    #expect(action == .checkChanges(after: nil, limit: 100) && waited > .seconds(9) && waited < .seconds(11))
  }

  @Test func `the rate bounds the sessions of a second, and a slow server is left alone`() {
    var run = Run()
    run.limits.rate = 10
    run.begin()
    _ = run.next()
    _ = run.plan.found((0..<100).map { "\($0)" }, next: nil, took: .zero, now: run.now)
    run.plan.found(changed: [], took: .zero, now: run.now)
    while true {
      guard case .compare(let ids) = run.next().action else {
        run.plan.checkedSessions(0, through: nil, took: .zero, now: run.now)
        run.plan.checkedChanges(0, next: nil, took: .zero, now: run.now)
        continue
      }
      run.plan.compared(ids.count, bytes: 0, took: .zero, now: run.now)
      let waited = run.next().waited
      #expect(waited >= .milliseconds(100 * ids.count))
      break
    }
    var slow = Run()
    slow.begin()
    _ = slow.next()
    _ = slow.plan.found(["a"], next: nil, took: .milliseconds(50), now: slow.now)
    let waited = slow.next().waited
    #expect(waited >= .milliseconds(950))
  }

  @Test func `large sessions go in smaller pieces`() {
    var run = Run()
    run.begin()
    _ = run.next()
    _ = run.plan.found((0..<100).map { "\($0)" }, next: nil, took: .zero, now: run.now)
    run.plan.found(changed: [], took: .zero, now: run.now)
    run.plan.checkedSessions(0, through: nil, took: .zero, now: run.now)
    run.plan.checkedChanges(0, next: nil, took: .zero, now: run.now)
    run.expect(.compare((0..<10).map { "\($0)" }))
    run.plan.compared(10, bytes: StateCheckPlan.pieceBytes + 1, took: .zero, now: run.now)
    run.expect(.compare((10..<15).map { "\($0)" }))
  }

  @Test func `nothing is checked while the replication lags, or by another worker`() {
    var run = Run()
    run.begin()
    let later = run.now + .seconds(100)
    let heldUp = run.plan.next(run.limits, isResponsible: true, isHeldUp: true, now: later)
    #expect(heldUp == .wait(until: later + .seconds(1)))
    let other = run.plan.next(run.limits, isResponsible: false, isHeldUp: false, now: later)
    #expect(other == .wait(until: later + .seconds(5)))
    // What another worker did meanwhile is read again.
    run.now = later + .seconds(60)
    run.expect(.begin)
  }

  @Test func `after a failure the walks go on where the ledger says, in smaller pieces`() {
    var run = Run()
    run.begin()
    _ = run.next()
    run.plan.failed(now: run.now)
    let (action, waited) = run.next()
    #expect(action == .begin && waited == .seconds(5))
    run.plan.began([.sessions: WalkProgress(place: "s5", age: nil)], now: run.now)
    _ = run.plan.found([], next: nil, took: .zero, now: run.now)
    run.plan.found(changed: [], took: .zero, now: run.now)
    run.expect(.checkSessions(after: "s5", limit: 5))
  }

  @Test func `a place in the changes of all lanes is read as it is written`() {
    let place = TrailPlace(lane: 7, entry: EntryID(ms: 5, no: 1))
    #expect(TrailPlace("\(place)") == place && TrailPlace("7") == nil && TrailPlace("x 5-1") == nil)
  }
}
