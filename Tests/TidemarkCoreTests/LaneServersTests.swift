import Testing

@testable import TidemarkCore

@Suite struct LaneServersTests {
  private let north = LaneServer("north")
  private let south = LaneServer("south")

  private func table(bufferBytes: Int = 100_000) -> LaneTable {
    var table = LaneTable(limits: flowLimits(bufferBytes: bufferBytes))
    table.own(.named("a", id: 1), at: north)
    table.own(.named("b", id: 2), at: south)
    return table
  }

  private func read(_ table: inout LaneTable, at server: LaneServer) -> LaneReadRequest? {
    var next = table.nextRead(at: server, block: .zero, now: epoch)
    while case .check = next { next = table.nextRead(at: server, block: .zero, now: epoch) }
    return if case .read(let request) = next { request } else { nil }
  }

  @Test func `each server is asked for its own lanes`() throws {
    var table = table()
    #expect(try wanted(read(&table, at: north)).positions.map(\.lane) == ["a"])
    #expect(try wanted(read(&table, at: south)).positions.map(\.lane) == ["b"])
    #expect(read(&table, at: .only) == nil)
    #expect(Set(table.servers) == [north, south, .only])
  }

  @Test func `a lane that moves is held against its new server first, then read there from where it was read to`() throws {
    var table = table()
    let request = try wanted(read(&table, at: north))
    table.received(.sized([10, 10], first: 1), for: request, now: epoch)
    table.place("a", at: south)
    var checked: [String] = []
    var next = table.nextRead(at: south, block: .zero, now: epoch)
    while case .check(let checks) = next {
      checked += checks.map(\.lane)
      next = table.nextRead(at: south, block: .zero, now: epoch)
    }
    #expect(Set(checked) == ["a", "b"])
    guard case .read(let again) = next else {
      Issue.record("nothing is read: \(next)")
      return
    }
    #expect(again.positions.map(\.lane).sorted() == ["a", "b"])
    #expect(again.positions.first { $0.lane == "a" }?.after == EntryID(ms: 2, no: 0))
    #expect(read(&table, at: north) == nil)
  }

  @Test func `what the old server still answers is not taken twice`() throws {
    var table = table()
    let old = try wanted(read(&table, at: north))
    table.place("a", at: south)
    let new = try wanted(read(&table, at: south))
    let index = try #require(new.positions.firstIndex { $0.lane == "a" })
    table.received(.sized([10, 10], first: 1, lane: index), for: new, now: epoch)
    table.received(.sized([10, 10], first: 1), for: old, now: epoch)
    #expect(try wanted(table.takeWork()).entryCount == 2)
  }

  @Test func `what the old server answers after the new one was looked at is dropped: it may be counted as missing by then`() throws {
    var table = table()
    let old = try wanted(read(&table, at: north))
    table.place("a", at: south)
    guard case .check(let checks) = table.nextRead(at: south, block: .zero, now: epoch) else {
      Issue.record("no check is due")
      return
    }
    for check in checks where check.lane == "a" {
      // Two were added, and both are trimmed already.
      let stream = LaneInspection(
        length: 0, lastGeneratedID: EntryID(ms: 2, no: 0), entriesAdded: 2, maxDeletedID: .zero, firstID: nil, lastID: nil)
      let finding = table.checked(LaneLook(check, LaneSnapshot(stream: stream, hasGroup: false, anchor: .gone), anchor: .gone))
      guard case .missing(let gap) = finding else {
        Issue.record("\(finding)")
        return
      }
      #expect(gap.missing == 2)
    }
    table.received(.sized([10, 10], first: 1), for: old, now: epoch)
    #expect(table.lanes["a"]?.readOrdinal == 2)
    #expect(try wanted(table.takeWork()).entryCount == 0)
  }

  @Test func `a check that was asked of the old server says nothing of the new one`() throws {
    var table = table()
    guard case .check(let checks) = table.nextRead(at: north, block: .zero, now: epoch) else {
      Issue.record("no check is due")
      return
    }
    table.place("a", at: south)
    let look = LaneLook(checks[0], LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone), anchor: .gone)
    #expect(table.checked(look) == .sound)
    #expect(table.lanes["a"]?.isEnding == false)
  }

  @Test func `a server without lanes is forgotten, and what was reserved for it counts until then`() throws {
    var table = table(bufferBytes: 1_000)
    _ = try wanted(read(&table, at: north))
    table.place("a", at: south)
    #expect(!table.holdsLanes(north))
    #expect(try wanted(read(&table, at: south)).budget == 500)
    table.forgetEmptyServers()
    #expect(!table.knows(north))
    #expect(table.knows(south))
    #expect(try wanted(read(&table, at: south)).budget == 1_000)
  }

  @Test func `no server reads in crumbs what is left of the credit, and one that must read alone gets its turn`() throws {
    var table = table(bufferBytes: 40_000)
    let first = try wanted(read(&table, at: north))
    // All but a crumb is held.
    table.received(.sized([39_000], first: 1), for: first, now: epoch)
    #expect(read(&table, at: south) == nil)
    let work = try wanted(table.takeWork())
    table.finish(work.parts[0], .committed(work.parts[0].committed, deadLettersInARow: 0), now: epoch)
    let second = try wanted(read(&table, at: south))
    var alone = second
    alone.count = 1
    table.overran(alone)
    // The other waits until the entry that fits into nobody's part has been read.
    _ = table.rang(["a"])
    #expect(read(&table, at: north) == nil)
    #expect(try wanted(read(&table, at: south)).budget == nil)
  }

  @Test func `a lane that is halted when it moves is read at its new server once it goes on`() throws {
    var table = table()
    table.halt("a", reason: "a test", hint: nil, until: nil)
    table.place("a", at: south)
    #expect(try wanted(read(&table, at: south)).positions.map(\.lane) == ["b"])
    #expect(table.revive(.all, now: epoch) == ["a"])
    #expect(try wanted(read(&table, at: south)).positions.map(\.lane).contains("a"))
    #expect(read(&table, at: north) == nil)
  }

  @Test func `a reply that does not come leaves the other servers their part of the credit`() throws {
    var table = table(bufferBytes: 1_000)
    #expect(try wanted(read(&table, at: north)).budget == 500)
    #expect(try wanted(read(&table, at: south)).budget == 500)
    // Its reply has come, or it would not ask again.
    #expect(try wanted(read(&table, at: south)).budget == 500)
  }

  @Test func `a doorbell is heard of its own server only`() {
    var pace = ReadPlan.Pace()
    pace.blockingLanes = 1
    var table = LaneTable(limits: flowLimits(), pace: pace)
    for (index, name) in ["a", "b"].enumerated() { table.own(.named(name, id: Int32(index + 1)), at: north) }
    table.own(.named("c", id: 3), at: south)
    #expect(table.needsDoorbell(at: north))
    #expect(!table.needsDoorbell(at: south))
    #expect(!table.needsDoorbell(at: .only))
  }
}
