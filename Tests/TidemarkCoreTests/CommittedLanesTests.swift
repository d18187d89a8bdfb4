import Testing

@testable import TidemarkCore

/// What a worker knows of lanes, beside what the ledger says.
@Suite struct CommittedLanesTests {
  private static func record(
    _ name: String = "a", at ms: UInt64, fence: Int64 = 5, incarnation: Int64 = 2, ordinal: UInt64? = nil, changes: Int64? = nil
  ) -> LaneRecord {
    var record = LaneRecord.named(name, id: 1, fence: fence)
    record.incarnation = incarnation
    record.cursor.position = EntryID(ms: ms, no: 0)
    record.cursor.appliedNo = changes ?? Int64(ms)
    record.ordinal = ordinal ?? ms
    return record
  }

  private func rewinds(_ known: LaneRecord..., found: LaneRecord...) -> [LedgerRewind] { CommittedLanes(known).rewinds(in: found) }

  @Test func `a ledger that has all that was committed, or more, has not gone back`() {
    let known = Self.record(at: 10)
    for later in [
      known, Self.record(at: 11), Self.record(at: 10, ordinal: 13), Self.record(at: 10, changes: 11), Self.record(at: 3, incarnation: 3),
      // Another worker owned it since, or owned it before and is read again.
      Self.record(at: 12, fence: 9), Self.record(at: 10, fence: 9),
    ] {
      #expect(rewinds(known, found: later) == [], "\(later)")
    }
  }

  @Test func `a ledger that has less of any of it has gone back, whoever owns the lane`() {
    let known = Self.record(at: 10)
    for earlier in [
      Self.record(at: 9), Self.record(at: 10, ordinal: 9), Self.record(at: 10, changes: 9), Self.record(at: 8, fence: 4),
      Self.record(at: 8, fence: 9), Self.record(at: 99, incarnation: 1),
    ] {
      #expect(rewinds(known, found: earlier).map(\.lane) == ["a"], "\(earlier)")
    }
  }

  @Test func `how far it went back is told where it can be`() {
    let known = Self.record(at: 10, ordinal: 12)
    let back = rewinds(known, found: Self.record(at: 7, ordinal: 8))
    #expect(back.first?.description == "a back at 7-0, committed 10-0 (4 entries)")
    #expect(rewinds(known, found: Self.record(at: 70, incarnation: 1)).first?.description == "a back at 70-0, committed 10-0")
    #expect(rewinds(known).first?.description == "a not there any more, committed 10-0")
  }

  @Test func `each lane is compared with itself`() {
    let known = CommittedLanes([Self.record("a", at: 5), Self.record("b", at: 5), Self.record("c", at: 5)])
    let found = [Self.record("b", at: 4), Self.record("d", at: 1), Self.record("a", at: 6)]
    #expect(known.rewinds(in: found).map(\.lane) == ["b", "c"])
  }

  // What a table remembers.

  private func table(_ records: LaneRecord...) -> LaneScheduler {
    var table = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 10, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 10,
        haltBackoff: .zero))
    for record in records { table.acquire(record) }
    return table
  }

  @Test func `what was committed of a lane is remembered after it was given up, until it is taken again`() {
    var table = table(Self.record(at: 10))
    table.release("a")
    #expect(table.committed(["a", "b"]).rewinds(in: [Self.record(at: 9)]).count == 1)
    table.acquire(Self.record(at: 9))
    #expect(table.committed(["a"]).rewinds(in: [Self.record(at: 9)]) == [])
  }

  @Test func `a rewind is found once`() {
    var table = table(Self.record(at: 10))
    let back = [Self.record(at: 9)]
    let rewinds = table.committed(["a"]).rewinds(in: back)
    #expect(table.isNews(rewinds[0]))
    table.wentBack(rewinds)
    #expect(table.lanes["a"] == nil)
    #expect(!table.isNews(rewinds[0]))
    #expect(table.committed(["a"]).rewinds(in: back) == [])
    // Another comparison that began before comes to its end after the lane was taken up again.
    table.acquire(Self.record(at: 9))
    #expect(!table.isNews(rewinds[0]))
  }

  @Test func `lanes that exist no more are forgotten`() {
    var table = table(Self.record("a", at: 10), Self.record("b", at: 10))
    table.release("a")
    table.release("b")
    table.forgetAbandoned { $0 == "b" }
    #expect(table.committed(["a", "b"]).names == ["b"])
  }
}
