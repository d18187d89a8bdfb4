import Testing

@testable import TidemarkCore

@Suite struct LaneServersTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  private func scheduler(bufferBytes: Int = 100_000) -> LaneScheduler {
    var scheduler = LaneScheduler(limits: flowLimits(bufferBytes: bufferBytes))
    scheduler.acquire(.named("a", id: 1), at: north)
    scheduler.acquire(.named("b", id: 2), at: south)
    return scheduler
  }

  private func read(_ scheduler: inout LaneScheduler, at server: LaneServer) -> LaneReadRequest? {
    var next = scheduler.nextRead(at: server, block: .zero, now: epoch)
    while case .check = next { next = scheduler.nextRead(at: server, block: .zero, now: epoch) }
    return if case .read(let request) = next { request } else { nil }
  }

  @Test func `each server is read for its own lanes only`() throws {
    var scheduler = scheduler()
    #expect(try wanted(read(&scheduler, at: north)).positions.map(\.lane) == ["a"])
    #expect(try wanted(read(&scheduler, at: south)).positions.map(\.lane) == ["b"])
    #expect(read(&scheduler, at: .only) == nil)
    #expect(Set(scheduler.servers) == [north, south, .only])
  }

  @Test func `a lane that moves is compared with its new server first, then read there from its read position`() throws {
    var scheduler = scheduler()
    let request = try wanted(read(&scheduler, at: north))
    scheduler.received(.sized([10, 10], first: 1), for: request, now: epoch)
    scheduler.place("a", at: south)
    var checked: [String] = []
    var next = scheduler.nextRead(at: south, block: .zero, now: epoch)
    while case .check(let checks) = next {
      checked += checks.map(\.lane)
      next = scheduler.nextRead(at: south, block: .zero, now: epoch)
    }
    #expect(Set(checked) == ["a", "b"])
    guard case .read(let again) = next else {
      Issue.record("nothing is read: \(next)")
      return
    }
    #expect(again.positions.map(\.lane).sorted() == ["a", "b"])
    #expect(again.positions.first { $0.lane == "a" }?.after == EntryID(ms: 2, no: 0))
    #expect(read(&scheduler, at: north) == nil)
  }

  @Test func `a late reply of the old server is not applied a second time`() throws {
    var scheduler = scheduler()
    let old = try wanted(read(&scheduler, at: north))
    scheduler.place("a", at: south)
    let new = try wanted(read(&scheduler, at: south))
    let index = try #require(new.positions.firstIndex { $0.lane == "a" })
    scheduler.received(.sized([10, 10], first: 1, lane: index), for: new, now: epoch)
    scheduler.received(.sized([10, 10], first: 1), for: old, now: epoch)
    #expect(try wanted(scheduler.takeWork()).entryCount == 2)
  }

  @Test func `a late reply of the old server is dropped after the new one was inspected`() throws {
    var scheduler = scheduler()
    let old = try wanted(read(&scheduler, at: north))
    scheduler.place("a", at: south)
    guard case .check(let checks) = scheduler.nextRead(at: south, block: .zero, now: epoch) else {
      Issue.record("no check is due")
      return
    }
    for check in checks where check.lane == "a" {
      // Two entries were added, and both are trimmed already.
      let stream = StreamInfo(
        length: 0, lastGeneratedID: EntryID(ms: 2, no: 0), entriesAdded: 2, maxDeletedID: .zero, firstID: nil, lastID: nil)
      let verdict = scheduler.checked(
        StreamComparison(check, ObservedStream(stream: stream, hasGroup: false, anchor: .gone), anchor: .gone))
      guard case .missing(let gap) = verdict else {
        Issue.record("\(verdict)")
        return
      }
      #expect(gap.missing == 2)
    }
    scheduler.received(.sized([10, 10], first: 1), for: old, now: epoch)
    #expect(scheduler.lanes["a"]?.readOrdinal == 2)
    #expect(try wanted(scheduler.takeWork()).entryCount == 0)
  }

  @Test func `a check of the old server is not used for the new one`() throws {
    var scheduler = scheduler()
    guard case .check(let checks) = scheduler.nextRead(at: north, block: .zero, now: epoch) else {
      Issue.record("no check is due")
      return
    }
    scheduler.place("a", at: south)
    let comparison = StreamComparison(checks[0], ObservedStream(stream: nil, hasGroup: false, anchor: .gone), anchor: .gone)
    #expect(scheduler.checked(comparison) == .sound)
    #expect(scheduler.lanes["a"]?.isClosing == false)
  }

  @Test func `a server without lanes is forgotten, and what was reserved for it counts until then`() throws {
    var scheduler = scheduler(bufferBytes: 1_000)
    _ = try wanted(read(&scheduler, at: north))
    scheduler.place("a", at: south)
    #expect(!scheduler.holdsLanes(north))
    #expect(try wanted(read(&scheduler, at: south)).budget == 500)
    scheduler.forgetEmptyServers()
    #expect(!scheduler.knows(north))
    #expect(scheduler.knows(south))
    #expect(try wanted(read(&scheduler, at: south)).budget == 1_000)
  }

  @Test func `no server fills the last of the credit with tiny replies, and one that must read alone gets its turn`() throws {
    var scheduler = scheduler(bufferBytes: 40_000)
    let first = try wanted(read(&scheduler, at: north))
    // Almost all of the credit is held.
    scheduler.received(.sized([39_000], first: 1), for: first, now: epoch)
    #expect(read(&scheduler, at: south) == nil)
    let work = try wanted(scheduler.takeWork())
    scheduler.finish(work.parts[0], .committed(work.parts[0].committed, deadLettersInARow: 0), now: epoch)
    let second = try wanted(read(&scheduler, at: south))
    var alone = second
    alone.count = 1
    scheduler.overran(alone)
    // The other server waits until the entry that does not fit into any server's part has been read.
    _ = scheduler.noteChanges(["a"])
    #expect(read(&scheduler, at: north) == nil)
    #expect(try wanted(read(&scheduler, at: south)).budget == nil)
  }

  @Test func `a lane that is halted when it moves is read at its new server once it goes on`() throws {
    var scheduler = scheduler()
    scheduler.halt("a", reason: "a test", hint: nil, until: nil)
    scheduler.place("a", at: south)
    #expect(try wanted(read(&scheduler, at: south)).positions.map(\.lane) == ["b"])
    #expect(scheduler.revive(.all, now: epoch) == ["a"])
    #expect(try wanted(read(&scheduler, at: south)).positions.map(\.lane).contains("a"))
    #expect(read(&scheduler, at: north) == nil)
  }

  @Test func `a missing reply leaves the other servers their part of the credit`() throws {
    var scheduler = scheduler(bufferBytes: 1_000)
    #expect(try wanted(read(&scheduler, at: north)).budget == 500)
    #expect(try wanted(read(&scheduler, at: south)).budget == 500)
    // The earlier reply has come, or the server would not be asked again.
    #expect(try wanted(read(&scheduler, at: south)).budget == 500)
  }

  @Test func `a doorbell counts for its own server only`() {
    var pace = ReadPlan.Pace()
    pace.blockingLanes = 1
    var scheduler = LaneScheduler(limits: flowLimits(), pace: pace)
    for (index, name) in ["a", "b"].enumerated() { scheduler.acquire(.named(name, id: Int32(index + 1)), at: north) }
    scheduler.acquire(.named("c", id: 3), at: south)
    #expect(scheduler.needsDoorbell(at: north))
    #expect(!scheduler.needsDoorbell(at: south))
    #expect(!scheduler.needsDoorbell(at: .only))
  }
}
