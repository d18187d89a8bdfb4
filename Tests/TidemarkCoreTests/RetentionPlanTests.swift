import Testing

@testable import TidemarkCore

@Suite struct RetentionPlanTests {
  private static let day = Duration.seconds(86_400)
  private static let hour = Duration.seconds(3_600)
  private static let limits = RetentionLimits(dedupeWindow: day)
  private static let checkpoints = RetentionRule.checkpoints(kept: .seconds(1))

  /// A plan and its clock, which stands still until the test moves it.
  private final class Scene {
    var now = ContinuousClock.now
    var plan: RetentionPlan

    init(_ limits: RetentionLimits = RetentionPlanTests.limits) { plan = RetentionPlan(limits: limits, now: now) }

    func next(_ isResponsible: Bool = true) -> RetentionPlan.Action { plan.next(now: now, isResponsible: isResponsible) }

    /// Waits as the plan requires, until there is an action.
    func act() -> RetentionPlan.Action {
      while case .wait(let moment) = next() { now = max(moment, now) }
      return next()
    }

    func found(_ rule: RetentionRule) -> Bool { plan.found(rule, now: now) }

    func removed(_ rows: Int, next: String?, took time: Duration = .milliseconds(10)) -> RetentionPlan.Sweep? {
      now += time
      return plan.removed(RetentionPiece(removed: rows, next: next.map { RetentionPlace($0) }), took: time, now: now)
    }

    /// Sweeps tables as they are due, finding nothing in them. Returns when each was swept, until `time` has passed.
    func sweeps(for time: Duration) -> [(table: RetentionTable, at: Duration)] {
      let start = now
      var sweeps: [(table: RetentionTable, at: Duration)] = []
      while case .find(let table) = act(), start.duration(to: now) < time {
        sweeps.append((table, start.duration(to: now)))
        if found(RetentionPlanTests.rule(table)) { _ = removed(0, next: nil, took: .zero) }
      }
      return sweeps
    }
  }

  private static func rule(_ table: RetentionTable) -> RetentionRule {
    switch table {
    case .checkpoints: .checkpoints(kept: day)
    case .deadLetters: .deadLetters(kept: day, lanes: [LetterLane(name: "lane", firstHeld: nil)])
    case .snapshots: .snapshots(kept: 3)
    case .eventIDs: .eventIDs([0..<1])
    }
  }

  @Test func `every table is swept soon after the start and then each hour, event ids only after their own interval`() {
    let scene = Scene()
    let sweeps = scene.sweeps(for: .seconds(7_300))
    for table in [RetentionTable.checkpoints, .deadLetters, .snapshots] {
      #expect(sweeps.filter { $0.table == table }.map(\.at) == [.seconds(10), .seconds(3_610), .seconds(7_210)], "\(table)")
    }
    #expect(sweeps.filter { $0.table == .eventIDs }.map(\.at) == [.seconds(3_600), .seconds(7_200)])
  }

  @Test func `a table with a short retention is swept more often, but not all the time`() {
    let minute = RetentionLimits(checkpoints: .seconds(60), resolvedDeadLetters: .seconds(7_200), dedupeWindow: .seconds(60))
    #expect(minute.interval(of: .checkpoints) == .seconds(10))
    #expect(minute.interval(of: .deadLetters) == .seconds(300))
    #expect(minute.interval(of: .eventIDs) == .seconds(10))
    #expect(RetentionLimits(dedupeWindow: Self.day * 30).interval(of: .eventIDs) == Self.hour * 30)
  }

  @Test func `a sweep goes on where its last piece ended, and is reported once at its end`() {
    let scene = Scene()
    #expect(scene.act() == .find(.checkpoints))
    #expect(scene.found(Self.checkpoints))
    #expect(scene.act() == .remove(Self.checkpoints, from: nil, rows: 1_000))
    #expect(scene.removed(1_000, next: "a") == nil)
    #expect(scene.act() == .remove(Self.checkpoints, from: RetentionPlace("a"), rows: 1_000))
    #expect(scene.removed(0, next: "b") == nil)
    #expect(scene.act() == .remove(Self.checkpoints, from: RetentionPlace("b"), rows: 1_000))
    let sweep = scene.removed(7, next: nil)
    #expect(sweep?.removed == 1_007)
    #expect(sweep?.rule == Self.checkpoints)
    #expect(scene.act() == .find(.deadLetters))
  }

  @Test func `a pause lasts nineteen times as long as its piece, and for event ids as long`() {
    let scene = Scene()
    func pause(_ rule: RetentionRule, _ time: Duration) -> Duration? {
      _ = scene.plan.found(rule, now: scene.now)
      _ = scene.removed(1, next: "a", took: time)
      guard case .wait(let moment) = scene.next() else { return nil }
      defer { scene.now = moment }
      return scene.now.duration(to: moment)
    }
    #expect(pause(Self.checkpoints, .milliseconds(20)) == .milliseconds(380))
    #expect(pause(.eventIDs([0..<1]), .milliseconds(20)) == .milliseconds(20))
    #expect(pause(Self.checkpoints, .seconds(40)) == .seconds(20))
    // The pause also comes between the last piece of a table and the next table.
    _ = scene.plan.found(Self.checkpoints, now: scene.now)
    _ = scene.removed(1, next: nil, took: .milliseconds(10))
    #expect(scene.next() == .wait(until: scene.now + .milliseconds(190)))
  }

  @Test func `pieces are halved while they take too long, and grow again up to their bound`() {
    let scene = Scene()
    _ = scene.found(Self.checkpoints)
    func rows(after time: Duration) -> Int? {
      _ = scene.removed(1, next: "a", took: time)
      guard case .remove(_, _, let rows) = scene.act() else { return nil }
      return rows
    }
    #expect([51, 60, 30, 10, 10, 10].map { rows(after: .milliseconds($0)) } == [500, 250, 250, 500, 1_000, 1_000])
    #expect((0..<10).map { _ in rows(after: .seconds(1)) }.last == RetentionPlan.fewestRows)
    _ = scene.found(.eventIDs([0..<1]))
    #expect(scene.act() == .remove(.eventIDs([0..<1]), from: nil, rows: 10_000))
  }

  @Test func `a failure ends the sweep, makes pieces smaller, and keeps no other table waiting`() {
    let scene = Scene()
    #expect(scene.act() == .find(.checkpoints))
    _ = scene.found(Self.checkpoints)
    _ = scene.removed(1_000, next: "a")
    scene.plan.failed(.checkpoints, now: scene.now)
    #expect(scene.act() == .find(.deadLetters))
    scene.plan.failed(.deadLetters, now: scene.now)
    let sweeps = scene.sweeps(for: .seconds(700))
    #expect(sweeps.map(\.table) == [.snapshots, .checkpoints, .deadLetters])
    #expect(sweeps[1].at >= .seconds(599))
    _ = scene.found(Self.checkpoints)
    #expect(scene.act() == .remove(Self.checkpoints, from: nil, rows: 1_000))
    scene.plan.failed(.checkpoints, now: scene.now)
    _ = scene.found(Self.checkpoints)
    #expect(scene.act() == .remove(Self.checkpoints, from: nil, rows: 500))
  }

  @Test func `a changed limit applies at once, and a sweep by the old limit ends`() {
    let scene = Scene()
    scene.now += .seconds(10)
    while case .find(let table) = scene.next() {
      _ = scene.found(Self.rule(table))
      _ = scene.removed(0, next: nil, took: .zero)
    }
    scene.now += .seconds(590)
    var limits = Self.limits
    limits.snapshotsPerSession = 5
    scene.plan.apply(Self.limits, now: scene.now)
    #expect(scene.next() == .wait(until: scene.now + .seconds(3_000)))
    scene.plan.apply(limits, now: scene.now)
    #expect(scene.next() == .find(.snapshots))
    _ = scene.found(.snapshots(kept: 5))
    limits.checkpoints = .seconds(60)
    scene.plan.apply(limits, now: scene.now)
    #expect(scene.next() == .remove(.snapshots(kept: 5), from: nil, rows: 1_000))
    limits.snapshotsPerSession = 1
    scene.plan.apply(limits, now: scene.now)
    #expect(scene.next() == .find(.checkpoints))
  }

  @Test func `only the responsible worker sweeps, and it begins anew when it is responsible again`() {
    let scene = Scene()
    scene.now += .seconds(10)
    guard case .wait(let moment) = scene.next(false) else {
      Issue.record("it sweeps")
      return
    }
    // What is due waits for the worker that is responsible, and that may be this one again.
    #expect(moment == scene.now + .seconds(5))
    #expect(scene.next() == .find(.checkpoints))
    _ = scene.found(Self.checkpoints)
    _ = scene.removed(1, next: "a")
    _ = scene.next(false)
    scene.now += .seconds(3_600)
    // The sweep that was interrupted is given up; the other tables come first, and then its own turn again.
    guard case .find = scene.act() else {
      Issue.record("no sweep begins")
      return
    }
  }

  @Test func `no sweep begins where there is nothing to remove`() {
    let scene = Scene()
    #expect(!scene.found(.eventIDs([])))
    #expect(!scene.found(.deadLetters(kept: Self.day, lanes: [])))
    #expect(scene.removed(1, next: nil) == nil)
    #expect(scene.act() == .find(.checkpoints))
  }

  @Test func `a lane's dead letters are removed only where its stream does not hold their entries`() {
    let (first, last) = (EntryID(ms: 5, no: 1), EntryID(ms: 9, no: 0))
    #expect(LetterLane("a", .present(first: first, last: last)) == LetterLane(name: "a", firstHeld: first))
    #expect(LetterLane("a", .present(first: nil, last: last)) == LetterLane(name: "a", firstHeld: nil))
    #expect(LetterLane("a", .absent) == LetterLane(name: "a", firstHeld: nil))
    #expect(LetterLane("a", .unknown) == nil)
  }
}
