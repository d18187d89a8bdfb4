import Testing

@testable import TidemarkCore

@Suite struct SealPlanTests {
  /// A plan and its clock, which stands still until the test moves it.
  private final class Scene {
    var now = ContinuousClock.now
    var plan: SealPlan
    var facts = SealFacts(interval: .seconds(10), lanes: [:])

    init(_ changes: [Int32: Int64]) {
      plan = SealPlan(now: now)
      for (lane, no) in changes { set(lane, no) }
    }

    func set(_ lane: Int32, _ no: Int64, incarnation: Int64 = 1) {
      facts.lanes[lane] = .init(name: "lane\(lane)", appliedNo: no, incarnation: incarnation, installation: .unknown)
    }

    func next() -> SealPlan.Action { plan.next(facts, now: now) }

    /// Waits as the plan requires, until there is an action.
    func act() -> (lanes: [Int32], most: Int) {
      while true {
        switch next() {
        case .wait(let moment): now = moment
        case .seal(let lanes, let most): return (lanes, most)
        }
      }
    }

    func sealed(_ through: [Int32: Int64], took time: Duration = .milliseconds(10)) {
      now += time
      let results = through.sorted { $0.key < $1.key }.map { lane, no in
        SealedLane(laneID: lane, throughNo: no, link: nil, committedAt: nil, isComplete: no >= facts.lanes[lane]?.appliedNo ?? 0)
      }
      plan.sealed(results, of: Array(through.keys), facts, took: time, now: now)
    }
  }

  @Test func `lanes with changes that are not sealed are sealed at once, then twice in the interval`() {
    let scene = Scene([1: 5, 2: 0, 3: 7])
    let start = scene.now
    #expect(scene.act().lanes == [1, 3])
    scene.sealed([1: 5, 3: 7])
    scene.set(3, 8)
    #expect(scene.act().lanes == [3])
    #expect(start.duration(to: scene.now) == .seconds(5))
    scene.sealed([3: 8])
    // Nothing to do is asked for again, because commits wake nobody.
    guard case .wait(let moment) = scene.next() else { return #expect(Bool(false)) }
    #expect(scene.now.duration(to: moment) <= .seconds(5))
  }

  @Test func `a lane with many changes has another turn after the others`() {
    let scene = Scene([1: 1_000_000, 2: 3])
    let first = scene.act()
    #expect(first.lanes == [1])
    scene.sealed([1: Int64(first.most)])
    #expect(scene.act().lanes == [2, 1])
  }

  @Test func `a piece is about as large as what took the right time`() {
    let scene = Scene([1: 1_000_000])
    var sizes: [Int] = []
    var through: Int64 = 0
    for time in [10, 10, 10, 10, 400, 400, 30] {
      let piece = scene.act()
      sizes.append(piece.most)
      through += Int64(piece.most)
      scene.sealed([1: through], took: .milliseconds(time))
    }
    #expect(sizes == [1_000, 2_000, 4_000, 8_000, 10_000, 5_000, 2_500])
  }

  @Test func `many quiet lanes share a piece, and no more than it can hold`() {
    let scene = Scene(Dictionary(uniqueKeysWithValues: (1...100).map { (Int32($0), 1) }))
    let lanes = scene.act().lanes
    #expect(lanes == (1...64).map { Int32($0) })
    scene.sealed(Dictionary(uniqueKeysWithValues: lanes.map { ($0, 1) }))
    #expect(scene.act().lanes == (65...100).map { Int32($0) })
  }

  @Test func `while replication is behind, seals wait`() {
    let scene = Scene([1: 1_000_000])
    scene.facts.isReplicationBehind = true
    _ = scene.act()
    scene.sealed([1: 1_000], took: .milliseconds(40))
    let ended = scene.now
    _ = scene.act()
    #expect(ended.duration(to: scene.now) == .milliseconds(760))
    scene.facts.isReplicationBehind = false
    scene.sealed([1: 2_000], took: .milliseconds(40))
    let next = scene.now
    _ = scene.act()
    #expect(next.duration(to: scene.now) == .milliseconds(40))
  }

  @Test func `nothing is asked of a Postgres that is away, and a failure is not repeated at once`() {
    let scene = Scene([1: 5])
    scene.facts.isPostgresAway = true
    guard case .wait = scene.next() else { return #expect(Bool(false)) }
    scene.facts.isPostgresAway = false
    _ = scene.act()
    scene.plan.failed(now: scene.now)
    let failed = scene.now
    #expect(scene.act().lanes == [1])
    #expect(failed.duration(to: scene.now) == .seconds(1))
  }

  @Test func `a lane is asked about again in another incarnation, in which Redis may have lost its head, and forgotten once it is lost`() {
    let scene = Scene([1: 5])
    _ = scene.act()
    scene.sealed([1: 5])
    scene.set(1, 5, incarnation: 2)
    #expect(scene.act().lanes == [1])
    scene.facts.lanes = [:]
    guard case .wait = scene.next() else { return #expect(Bool(false)) }
  }

  @Test func `a head replaces only one that its chain contains`() {
    let link = [UInt8](repeating: 7, count: 32)
    let (old, new) = (SealHead(lane: "l", throughNo: 3, link: link), SealHead(lane: "l", throughNo: 9, link: link))
    #expect(SealPublication(new, over: nil).step == .write)
    #expect(SealPublication(new, over: new).step == .done)
    #expect(SealPublication(new, over: old).step == .ask(old))
    #expect(SealPublication(new, over: old).isWritten(ifContained: true))
    #expect(!SealPublication(new, over: old).isWritten(ifContained: false))
    // Another worker has sealed more meanwhile.
    #expect(!SealPublication(old, over: new).isWritten(ifContained: true))
  }

  @Test func `a head reads back as it was written, and nothing else does`() {
    let head = SealHead(lane: "l", throughNo: 42, link: (0..<32).map { UInt8($0) })
    #expect(SealHead(lane: "l", text: head.text) == head)
    for text in ["", "42", "42:", "42:00", "x:\(Hex.text(head.link))", "-1:\(Hex.text(head.link))", "42:\(Hex.text(head.link)):1"] {
      #expect(SealHead(lane: "l", text: text) == nil, "\(text)")
    }
  }
}
