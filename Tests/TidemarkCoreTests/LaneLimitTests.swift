import Testing

@testable import TidemarkCore

/// The limits of transactions that are set for some lanes only.
@Suite struct LaneLimitTests {
  private static func limits(_ limits: [(String, LaneLimit.Value)], maxEntries: Int = 4, maxDelay: Duration = .zero) -> FlowLimits {
    var flow = flowLimits(maxEntries: maxEntries, maxDelay: maxDelay)
    flow.laneLimits = limits.map { LaneLimit(lanes: GlobPattern($0.0), value: $0.1) }
    return flow
  }

  private static func owning(_ names: [String], _ limits: FlowLimits, read: Int) -> LaneScheduler {
    var scheduler = LaneSchedulerTests.owning(names, limits: limits)
    guard let request = scheduler.nextRead(block: .zero) else { return scheduler }
    var block = EntryBlock()
    for lane in names.indices {
      let first = block.entries.count
      for number in 0..<read {
        block.entries.append(.init(id: EntryID(ms: UInt64(number + 1), no: 0), firstField: 0, fieldCount: 0))
      }
      block.sections.append(.init(lane: lane, entries: first..<block.entries.count))
    }
    scheduler.received(block, for: request, now: epoch)
    return scheduler
  }

  /// Takes all transactions and commits each. Returns the number of entries of each lane in each of them.
  private static func commitAll(_ scheduler: inout LaneScheduler) -> [[String: Int]] {
    var all: [[String: Int]] = []
    while let work = scheduler.takeWork() {
      all.append(Dictionary(uniqueKeysWithValues: work.parts.map { ($0.record.name, $0.entryCount) }))
      for part in work.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    }
    return all
  }

  @Test func `the last of several limits for a lane applies, each to its own kind`() {
    let flow = Self.limits([("orders:*", .maxEntries(2)), ("orders:eu", .maxEntries(3)), ("*", .maxDelay(.seconds(1)))])
    #expect(flow.batch(of: "orders:eu") == BatchLimits(maxEntries: 3, maxBytes: 1_000, maxDelay: .seconds(1)))
    #expect(flow.batch(of: "orders:us").maxEntries == 2)
    #expect(flow.batch(of: "jobs").maxEntries == 4)
    #expect(Self.limits([("orders:eu", .maxEntries(3)), ("orders:*", .maxEntries(2))]).batch(of: "orders:eu").maxEntries == 2)
    #expect(Self.limits([("a", .maxEntries(9)), ("b", .maxBytes(5_000))]).largestEntries == 9)
    #expect(Self.limits([("a", .maxEntries(1)), ("b", .maxBytes(5_000))]).largestBytes == 5_000)
  }

  @Test func `no transaction has more entries of a lane than the lane's own limit, and other lanes keep theirs`() {
    var scheduler = Self.owning(["small", "other"], Self.limits([("small", .maxEntries(1))]), read: 6)
    let all = Self.commitAll(&scheduler)
    #expect(all.compactMap { $0["small"] } == [1, 1, 1, 1, 1, 1])
    #expect(all.compactMap { $0["other"] }.max() == 4)
    #expect(all.compactMap { $0["other"] }.reduce(0, +) == 6)
  }

  @Test func `a lane may have larger transactions than the others`() {
    var scheduler = Self.owning(["large"], Self.limits([("large", .maxEntries(10))]), read: 6)
    #expect(Self.commitAll(&scheduler) == [["large": 6]])
  }

  @Test func `a lane waits as long as its own delay, and no longer than another lane that is ready`() {
    let flow = Self.limits([("slow", .maxDelay(.seconds(9)))], maxEntries: 100, maxDelay: .seconds(2))
    var scheduler = Self.owning(["slow"], flow, read: 1)
    #expect(scheduler.takeWork() == nil)
    if case .wait(let until) = scheduler.nextWork(now: epoch) { #expect(until == epoch.advanced(by: .seconds(9))) }
    #expect(scheduler.takeWork(now: epoch.advanced(by: .seconds(8))) == nil)
    #expect(scheduler.takeWork(now: epoch.advanced(by: .seconds(9))) != nil)
    scheduler = Self.owning(["slow", "other"], flow, read: 1)
    #expect(scheduler.takeWork(now: epoch.advanced(by: .seconds(1))) == nil)
    #expect(scheduler.takeWork(now: epoch.advanced(by: .seconds(2)))?.parts.count == 2)
  }

  @Test func `a new limit applies to lanes that are owned already, and so does its end`() {
    var scheduler = Self.owning(["a"], Self.limits([]), read: 6)
    scheduler.limits = Self.limits([("a", .maxEntries(2))])
    #expect(scheduler.takeWork()?.entryCount == 2)
    scheduler = Self.owning(["a"], Self.limits([("a", .maxEntries(2))]), read: 6)
    scheduler.limits = Self.limits([])
    #expect(scheduler.takeWork()?.entryCount == 4)
  }
}
