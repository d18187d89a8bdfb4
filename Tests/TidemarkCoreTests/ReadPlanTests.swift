import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// The number of lanes of a deep read, for tests in which it does not matter.
private let deep = 2

private func names(_ range: Range<Int>) -> [String] { range.map { "lane\($0)" } }

private func plan(_ lanes: Int, blocking: Int = 4, slice: Int = 3) -> ReadPlan {
  var pace = ReadPlan.Pace()
  pace.blockingLanes = blocking
  pace.slice = slice
  var plan = ReadPlan(pace: pace)
  for lane in names(0..<lanes) { plan.add(lane) }
  return plan
}

extension ReadPlan {
  /// Returns all lanes that are read until the plan waits.
  fileprivate mutating func readAll(_ now: ContinuousClock.Instant) -> [[String]] {
    var read: [[String]] = []
    while case .some(let lanes) = next(now: now, deepLanes: deep) { read.append(lanes) }
    return read
  }
}

@Suite struct ReadPlanTests {
  private func expect(_ plan: inout ReadPlan, _ expected: ReadPlan.Choice, sourceLocation: SourceLocation = #_sourceLocation) {
    let choice = plan.next(now: epoch, deepLanes: deep)
    #expect(choice == expected, sourceLocation: sourceLocation)
  }

  @Test func `few lanes are all named in one blocking read`() {
    var few = plan(4)
    expect(&few, .all(names(0..<4)))
    expect(&few, .all(names(0..<4)))
    #expect(!few.needsDoorbell)
    var none = plan(0)
    expect(&none, .nothing)
  }

  @Test func `each of many lanes is read once, then only the changed ones`() {
    var many = plan(10)
    #expect(many.needsDoorbell)
    many.doorbell(isHeard: true)
    let first = many.readAll(epoch)
    #expect(first.allSatisfy { $0.count <= 3 })
    #expect(first.flatMap { $0 }.sorted() == names(0..<10).sorted())
    let changed = ["lane7", "lane7", "stranger"].map { many.noteChange($0) }
    #expect(changed == [true, false, false])
    let second = many.readAll(epoch)
    #expect(second == [["lane7"]])
    guard case .wait(let until) = many.next(now: epoch, deepLanes: deep) else {
      Issue.record("quiet lanes are not polled")
      return
    }
    #expect(until > epoch)
  }

  @Test func `a change without notification is found by a sweep within one pass, fast or slow`() {
    for isHeard in [true, false] {
      var many = plan(10)
      many.doorbell(isHeard: isHeard)
      _ = many.readAll(epoch)
      let pass = isHeard ? ReadPlan.Pace().heardPass : ReadPlan.Pace().unheardPass
      var now = epoch
      var (commands, seen): (Int, Set<String>) = (0, [])
      while now < epoch + pass {
        guard case .wait(let until) = many.next(now: now, deepLanes: deep) else { continue }
        now = until
        guard case .some(let lanes) = many.next(now: now, deepLanes: deep) else {
          Issue.record("a slice is due")
          return
        }
        commands += 1
        seen.formUnion(lanes)
      }
      #expect(seen.count == 10)
      #expect(commands <= 5)
    }
  }

  @Test func `a doorbell that is heard again makes every lane due, and a lost one makes the sweep fast at once`() {
    var many = plan(10)
    many.doorbell(isHeard: true)
    _ = many.readAll(epoch)
    many.doorbell(isHeard: false)
    let slice = many.readAll(epoch)
    #expect(slice.flatMap { $0 }.count == 3)
    many.doorbell(isHeard: true)
    let all = many.readAll(epoch)
    #expect(Set(all.flatMap { $0 }).count == 10)
  }

  @Test func `when few lanes become many, all are due`() {
    var growing = plan(4)
    _ = growing.next(now: epoch, deepLanes: deep)
    growing.add("lane4")
    let read = growing.readAll(epoch)
    #expect(Set(read.flatMap { $0 }) == Set(names(0..<5)))
  }

  @Test func `lanes that must be read alone are read alone, and are not due afterwards`() {
    var many = plan(10)
    many.single(["lane1", "gone", "lane2"])
    expect(&many, .alone("lane1"))
    expect(&many, .alone("lane2"))
    var few = plan(2)
    few.single(["lane1"])
    expect(&few, .alone("lane1"))
    expect(&few, .all(["lane0", "lane1"]))
  }

  @Test(arguments: [4, 10]) func `lanes that are behind are read a few at a time, alternating with the others`(lanes: Int) {
    var tested = plan(lanes)
    tested.doorbell(isHeard: true)
    if lanes > 4 { _ = tested.readAll(epoch) }
    for lane in names(0..<3) { tested.fellBehind(lane) }
    tested.fellBehind("stranger")
    tested.noteChange("lane3")
    #expect(tested.isDue)
    expect(&tested, .some(["lane0", "lane1"]))
    tested.fellBehind("lane0")
    // Of a few lanes all others are read, of many lanes those that changed.
    expect(&tested, .some(lanes == 4 ? ["lane1", "lane3"] : ["lane3"]))
    expect(&tested, .some(["lane2", "lane0"]))
    if lanes == 4 {
      expect(&tested, .all(names(0..<4)))
    } else {
      let isWaiting = if case .wait = tested.next(now: epoch, deepLanes: deep) { true } else { false }
      #expect(isWaiting)
    }
    #expect(!tested.isDue)
  }

  @Test func `lanes are read in turn where all are behind`() {
    var few = plan(3)
    for lane in names(0..<3) { few.fellBehind(lane) }
    for expected in [["lane0", "lane1"], ["lane2", "lane0"], ["lane1", "lane2"]] {
      expect(&few, .some(expected))
      for lane in expected { few.fellBehind(lane) }
    }
    few.remove("lane0")
    expect(&few, .some(["lane1", "lane2"]))
  }

  @Test(arguments: 0..<20) func `while lanes come and go, none waits longer than a pass and no change is forgotten`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var tested = plan(0, blocking: 2, slice: 1 + random.below(4))
    var now = epoch
    var lastRead: [String: ContinuousClock.Instant] = [:]
    var changed: Set<String> = []
    for _ in 0..<3_000 {
      let lane = "lane\(random.below(30))"
      switch random.below(10) {
      case 0:
        tested.add(lane)
        if lastRead[lane] == nil { lastRead[lane] = now }
      case 1 where random.chance(30):
        tested.remove(lane)
        lastRead[lane] = nil
        changed.remove(lane)
      case 2...4:
        tested.noteChange(lane)
        if lastRead[lane] != nil { changed.insert(lane) }
      case 5:
        tested.fellBehind(lane)
        if lastRead[lane] != nil { changed.insert(lane) }
      default: now = now.advanced(by: .milliseconds(random.below(20)))
      }
      var reads = 0
      reading: while true {
        let read: [String]
        switch tested.next(now: now, deepLanes: deep) {
        case .all(let lanes):
          read = lanes
          #expect(lanes.count <= 2 && lanes.count == lastRead.count)
        case .some(let lanes): read = lanes
        case .alone(let lane): read = [lane]
        case .wait(let until):
          #expect(until > now)
          break reading
        case .nothing: break reading
        }
        reads += 1
        for lane in read {
          #expect(lastRead[lane] != nil, "\(lane) is not owned")
          lastRead[lane] = now
          changed.remove(lane)
        }
        if lastRead.count <= 2 { break }
      }
      #expect(changed.isEmpty, "forgotten: \(changed)")
      // The limit is two passes: a pass that lanes join or leave may end later for some.
      let oldest = lastRead.values.min() ?? now
      #expect(oldest.duration(to: now) <= ReadPlan.Pace().unheardPass * 2 + .milliseconds(20), "a lane waits")
    }
  }
}

@Suite struct LaneRotationTests {
  @Test(arguments: 0..<20) func `each lane has one turn in each round while lanes come and go`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var rotation = LaneRotation()
    var turns: [String: Int] = [:]
    var round = 1
    for _ in 0..<2_000 {
      let lane = "lane\(random.below(20))"
      switch random.below(4) {
      case 0:
        // A new lane has its turn in this round.
        if rotation.insert(lane) { turns[lane] = round - 1 }
      case 1:
        rotation.remove(lane)
        turns[lane] = nil
      default:
        for taken in rotation.take(1) {
          turns[taken, default: 0] += 1
          round = max(round, turns[taken] ?? 0)
        }
      }
      #expect(rotation.count == turns.count)
      if let most = turns.values.max(), let least = turns.values.min() { #expect(most - least <= 1, "\(turns)") }
    }
  }
}

@Suite struct LaneQueueTests {
  @Test(arguments: 0..<10) func `lanes leave in the order in which they came, each once, while others are removed`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var queue = LaneQueue()
    var members: Set<String> = []
    for _ in 0..<3_000 {
      let lane = "lane\(random.below(40))"
      switch random.below(3) {
      case 0:
        let isNew = queue.append(lane)
        #expect(isNew == members.insert(lane).inserted)
      case 1:
        queue.remove(lane)
        members.remove(lane)
      default:
        let first = queue.first
        let popped = queue.popFirst()
        #expect(popped == first)
        #expect((first == nil) == members.isEmpty)
        if let first { #expect(members.remove(first) != nil) }
      }
      #expect(queue.members == members)
    }
    queue.removeAll()
    for lane in ["b", "a", "c"] { queue.append(lane) }
    queue.remove("a")
    let rest = queue.popFirst(5)
    #expect(rest == ["b", "c"])
  }
}

@Suite struct DoorbellPrefixTests {
  @Test func `names and the beginnings of patterns are prefixes, none of which begins with another`() {
    #expect(DoorbellPrefixes.covering([]) == [])
    #expect(DoorbellPrefixes.covering(["jobs:*:events", "orders", "jobs:1:x", "a?b", "a[bc]", "z\\*"]) == ["a", "jobs:", "orders", "z"])
    #expect(DoorbellPrefixes.covering(["*", "jobs:*"]) == [""])
  }

  @Test(arguments: 0..<20) func `a few prefixes cover any number of names`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let letters = ["a", "b", "ü", ":"]
    let patterns = (0..<300).map { _ in
      (0..<(1 + random.below(8))).map { _ in letters[random.below(4)] }.joined() + (random.chance(20) ? "*" : "")
    }
    let prefixes = DoorbellPrefixes.covering(patterns)
    #expect(prefixes.count <= DoorbellPrefixes.limit)
    for pattern in patterns {
      let literal = pattern.filter { $0 != "*" }
      #expect(prefixes.contains { literal.utf8.starts(with: $0.utf8) }, "\(literal)")
    }
    for one in prefixes {
      for other in prefixes where one != other { #expect(!one.utf8.starts(with: other.utf8), "\(one), \(other)") }
    }
    let builtIn = BuiltInLanes(prefix: "tidemark", partitions: 16).names
    #expect(DoorbellPrefixes.covering(builtIn + ["many:*"]).count == 17)
  }
}

@Suite struct ObservationPlanTests {
  @Test func `few lanes are all measured each time`() {
    var plan = ObservationPlan()
    for lane in names(0..<64) { plan.add(lane) }
    for _ in 0..<2 {
      let measured = plan.takeUnmeasured()
      #expect(measured.count == 64)
    }
  }

  @Test func `of many lanes the busy ones are measured first, and every quiet one in the end`() {
    var plan = ObservationPlan()
    for lane in names(0..<2_000) { plan.add(lane) }
    while plan.takeUnmeasured().count > ObservationPlan.quietPortion {}
    var seen: Set<String> = []
    for _ in 0..<(2_000 / ObservationPlan.quietPortion + 1) {
      // More lanes have changed than are measured at a time.
      for lane in names(0..<1_000) { plan.noteChange(lane) }
      let measured = plan.takeUnmeasured()
      #expect(measured.count <= ObservationPlan.portion && Set(measured).count == measured.count)
      seen.formUnion(measured)
    }
    #expect(seen.count == 2_000)
  }

  @Test func `a change or a move is reported once, also for a lane that was removed`() {
    var plan = ObservationPlan()
    plan.add("a")
    plan.add("b")
    plan.moved("a")
    plan.moved("stranger")
    var told = [plan.takeChanged(), plan.takeMoved(), plan.takeChanged(), plan.takeMoved()]
    #expect(told == [["a", "b"], ["a"], [], []])
    plan.moved("b")
    plan.remove("b")
    told = [plan.takeChanged(), plan.takeMoved()]
    #expect(told == [["b"], []])
  }
}
