import Testing
import TidemarkTestKit

@testable import TidemarkCore

extension LaneScheduler.Work.Part {
  /// Returns a part with entries 1-0, 2-0, ... in chunks of these sizes, each in its own block.
  static func of(_ lane: Int32, chunks: [Int]) -> Self {
    var first = 1
    let made = chunks.enumerated().map { index, count in
      defer { first += count }
      let fields = change("messages.cleared")
      return EntryBlock.of((first..<first + count).map { (EntryID(ms: UInt64($0), no: 0), fields) }).chunk(id: index)
    }
    return Self(record: .named("lane\(lane)", id: lane), profile: .stream("lane\(lane)"), chunks: made, ownership: 0)
  }
}

@Suite struct CommitPlanTests {
  @Test func `a transaction is whole until it is bisected, then it is small pieces of each lane in order`() throws {
    var plan = CommitPlan([.of(1, chunks: [100, 60]), .of(2, chunks: [3])])
    #expect(try #require(plan.current).parts.map(\.entryCount) == [160, 3])
    plan.bisect()
    var sizes: [Int32: [Int]] = [:]
    var next: [EntryID?] = []
    while let step = plan.current {
      let part = try #require(step.parts.first)
      #expect(step.parts.count == 1)
      #expect(step.isPiece)
      sizes[part.record.laneID, default: []].append(part.entryCount)
      next.append(part.next)
      plan.committed([part.committed])
    }
    #expect(sizes == [1: Array(repeating: 2, count: 80), 2: [2, 1]])
    var expected: [EntryID?] = (1..<80).map { EntryID(ms: UInt64($0 * 2 + 1), no: 0) }
    expected += [nil, EntryID(ms: 3, no: 0), nil]
    #expect(next == expected)
  }

  @Test func `an entry among 5,000 is found by bisecting twice`() throws {
    var plan = CommitPlan([.of(1, chunks: [5_000])])
    var cuts = 0
    while let part = plan.current?.parts.first, part.ids.contains(4_321) {
      guard part.entryCount > 1 else { break }
      plan.bisect()
      cuts += 1
      while let before = plan.current?.parts.first, !before.ids.contains(4_321) { plan.committed([before.committed]) }
    }
    #expect(plan.current?.parts.first?.ids == [4_321])
    #expect(cuts == 2)
  }

  @Test func `a transaction is followed by the remaining parts of its lane, in order`() {
    var plan = CommitPlan([.of(1, chunks: [3]), .of(2, chunks: [2])])
    #expect(plan.following.isEmpty)
    plan.bisect()
    #expect(plan.following.map(\.ids) == [[2], [3]])
    #expect(plan.following.map(\.record.laneID) == [1, 1])
  }

  @Test func `lanes that are left out are returned as a whole, and the others go on`() {
    var plan = CommitPlan([.of(1, chunks: [5]), .of(2, chunks: [5])])
    plan.bisect()
    for _ in 0..<2 { plan.committed([plan.current?.parts[0].committed].compactMap(\.self)) }
    let left = plan.leaveOut([1])
    #expect(left.map(\.ids) == [[3, 4, 5]])
    #expect(left[0].next == nil)
    #expect(left[0].record.cursor.position == EntryID(ms: 2, no: 0))
    #expect(plan.lanes == [2])
    #expect(plan.current?.parts[0].ids == [1])
  }

  @Test(arguments: 0..<50) func `every entry leaves once and in order, however the work is divided`(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let parts = (1...Int32(1 + random.below(4))).map { lane in
      LaneScheduler.Work.Part.of(lane, chunks: (0...random.below(3)).map { _ in 1 + random.below(random.chance(20) ? 150 : 5) })
    }
    var plan = CommitPlan(parts)
    var left: [Int32: [UInt64]] = [:]
    func leave(_ part: LaneScheduler.Work.Part) {
      let before = left[part.record.laneID]?.last ?? 0
      #expect(part.record.cursor.position.ms == before)
      #expect(part.ids == Array(before + 1..<before + 1 + UInt64(part.ids.count)))
      left[part.record.laneID, default: []] += part.ids
    }
    var gone: Set<Int32> = []
    while let step = plan.current {
      switch random.below(20) {
      case 0: plan.split()
      case 1..<5 where step.deadLettered.isEmpty: plan.bisect()
      case 5..<8 where step.parts.count == 1 && step.parts[0].entryCount == 1:
        let last = try #require(step.parts[0].ids.last)
        plan.deadLetter(EntryID(ms: last, no: 0), Rejection(.rejectedByPostgres, ""))
      case 9 where random.chance(20):
        let lost = Set(step.lanes.filter { _ in random.chance(50) })
        for part in plan.leaveOut(lost) {
          leave(part)
          #expect(part.next == nil)
          gone.insert(part.record.laneID)
        }
      default:
        #expect(step.deadLettered.keys.allSatisfy { id in step.parts[0].ids.contains(id.ms) })
        #expect(gone.isDisjoint(with: step.lanes))
        step.parts.forEach(leave)
        plan.committed(step.parts.map(\.committed))
      }
    }
    for part in parts { #expect(left[part.record.laneID] == part.ids) }
  }
}
