import Testing

@testable import TidemarkCore

/// Tests when lanes are read, and how many of their entries.
@Suite struct LaneSchedulerReadingTests {
  @Test func `reading stops while enough waits for the writers, and goes on when one takes some`() throws {
    var scheduler = LaneSchedulerTests.owning(limits: flowLimits(maxEntries: 2, bufferBytes: 1 << 20))
    var read = 0
    while let request = scheduler.nextRead(block: .zero), read < 100 {
      scheduler.received(.sized([1, 1], first: request.positions[0].after.ms + 1), for: request, now: epoch)
      read += 2
    }
    #expect(read == 8)
    #expect(scheduler.isAhead && !scheduler.isFull)
    let work = try wanted(scheduler.takeWork())
    #expect(!scheduler.isAhead)
    #expect(scheduler.nextRead(block: .zero) != nil)
    for part in work.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(!scheduler.isAhead)
  }

  @Test func `entries that wait behind a lane's own transaction keep no other lane from being read`() throws {
    var scheduler = LaneSchedulerTests.owning(["a", "b"], limits: flowLimits(maxEntries: 2, bufferBytes: 1 << 20))
    func read(_ lane: String) -> Bool {
      guard let request = scheduler.nextRead(block: .zero) else { return false }
      guard let index = request.positions.firstIndex(where: { $0.lane == lane }) else { return true }
      var block = EntryBlock.sized([1, 1], first: request.positions[index].after.ms + 1)
      block.sections[0].lane = index
      scheduler.received(block, for: request, now: epoch)
      return true
    }
    #expect(read("a"))
    let stuck = try wanted(scheduler.takeWork())
    for _ in 0..<20 { #expect(read("a")) }
    #expect(scheduler.lanes["a"]?.waitingEntries == 8)
    #expect(!scheduler.isAhead)
    // The lane can't be named in a blocking read for news of the other lane, so the read blocks only briefly.
    let other = try wanted(scheduler.nextRead(block: .seconds(1)))
    #expect(other.positions.map(\.lane) == ["b"])
    #expect(other.block == LaneScheduler.blockDuringBackoff)
    for part in stuck.parts { scheduler.finish(part, .committed(part.committed, deadLettersInARow: 0), now: epoch) }
    #expect(scheduler.isAhead)
    let next = try wanted(scheduler.takeWork())
    #expect(next.parts.map(\.ids) == [[3, 4]])
    #expect(scheduler.nextRead(block: .zero)?.positions.contains { $0.lane == "a" } == true)
  }

  @Test func `the last part of the credit is not filled by tiny replies`() throws {
    var scheduler = LaneSchedulerTests.owning(limits: flowLimits(bufferBytes: 10_000))
    let request = try wanted(scheduler.nextRead(block: .zero))
    scheduler.received(.sized([8_500]), for: request, now: epoch)
    #expect(scheduler.credit.available(of: 10_000) > 0)
    #expect(scheduler.isFull)
    #expect(scheduler.nextRead(block: .zero) == nil)
  }

  @Test func `after a reply that was too large at one entry a lane, each lane is read alone once`() throws {
    var scheduler = LaneSchedulerTests.owning(["a", "b", "c"])
    var request = try wanted(scheduler.nextRead(block: .seconds(1)))
    while request.count > 1 {
      scheduler.overran(request)
      request = try wanted(scheduler.nextRead(block: .seconds(1)))
    }
    #expect(request.positions.count == 3)
    scheduler.overran(request)
    var alone: [String] = []
    for _ in 0..<3 {
      let narrow = try wanted(scheduler.nextRead(block: .seconds(1)))
      #expect(narrow.count == 1)
      #expect(narrow.block == nil)
      alone += narrow.positions.map(\.lane)
    }
    #expect(alone.sorted() == ["a", "b", "c"])
    let all = try wanted(scheduler.nextRead(block: .seconds(1)))
    #expect(all.positions.count == 3)
  }

  @Test func `a read that brings its entry whatever the credit waits until little is held`() throws {
    var scheduler = LaneSchedulerTests.owning(limits: flowLimits(bufferBytes: 12_000))
    scheduler.readOne([4_000])
    var request = try wanted(scheduler.nextRead(block: .zero))
    request.count = 1
    scheduler.overran(request)
    #expect(scheduler.nextRead(block: .zero) == nil)
    let work = try wanted(scheduler.takeWork())
    scheduler.finish(work.parts[0], .committed(work.parts[0].committed, deadLettersInARow: 0), now: epoch)
    #expect(scheduler.nextRead(block: .zero)?.count == 1)
  }

  @Test func `reads shrink after connections that were closed instead of an answer, down to the entry that is too large alone`() throws {
    var scheduler = LaneSchedulerTests.owning(["a", "b"])
    var answers: [LaneScheduler.ClosedRead] = []
    for _ in 0..<5 {
      let request = try wanted(scheduler.nextRead(block: .zero))
      #expect(request.positions.count == 2)
      answers.append(scheduler.closed(request))
    }
    #expect(answers == [.unclear, .shrinking(to: 8), .shrinking(to: 4), .shrinking(to: 2), .shrinking(to: 1)])
    // Each lane is read alone now: the entry of one lane is too large, twice; the entries of the other are read in between.
    var closed: [LaneScheduler.ClosedRead] = []
    while closed.last != .tooLarge(lane: "a", after: .zero) {
      let request = try wanted(scheduler.nextRead(block: .zero))
      if request.positions.map(\.lane) == ["a"] {
        #expect(request.count == 1)
        closed.append(scheduler.closed(request))
      } else if request.positions.map(\.lane) == ["b"] {
        scheduler.received(.sized([1], first: request.positions[0].after.ms + 1), for: request, now: epoch)
      } else {
        scheduler.readFailed(request)
      }
      try #require(closed.count < 3)
    }
    #expect(closed == [.unclear, .tooLarge(lane: "a", after: .zero)])
    #expect(scheduler.lanes["b"]?.readPosition != .zero)
  }
}
