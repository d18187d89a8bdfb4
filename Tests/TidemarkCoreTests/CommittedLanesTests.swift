import Testing

@testable import TidemarkCore

/// Tests the comparison of a worker's known state of lanes with the ledger's.
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
      // Another worker has owned the lane since, or owned it before and this worker owns it again.
      Self.record(at: 12, fence: 9), Self.record(at: 10, fence: 9),
    ] {
      #expect(rewinds(known, found: later) == [], "\(later)")
    }
  }

  @Test func `a ledger that has less of any value has gone back, whichever worker owns the lane`() {
    let known = Self.record(at: 10)
    for earlier in [
      Self.record(at: 9), Self.record(at: 10, ordinal: 9), Self.record(at: 10, changes: 9), Self.record(at: 8, fence: 4),
      Self.record(at: 8, fence: 9), Self.record(at: 99, incarnation: 1),
    ] {
      #expect(rewinds(known, found: earlier).map(\.lane) == ["a"], "\(earlier)")
    }
  }

  @Test func `the number of lacking entries is reported where it is known`() {
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

  private func table(_ records: LaneRecord...) -> LaneScheduler {
    var table = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 10, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 10,
        haltBackoff: .zero))
    for record in records { table.acquire(record) }
    return table
  }

  @Test func `a lane's committed record is kept after its release, until the lane is acquired again`() {
    var table = table(Self.record(at: 10))
    table.release("a")
    #expect(table.committed(["a", "b"]).rewinds(in: [Self.record(at: 9)]).count == 1)
    table.acquire(Self.record(at: 9))
    #expect(table.committed(["a"]).rewinds(in: [Self.record(at: 9)]) == [])
  }

  @Test func `a rewind is reported once`() {
    var table = table(Self.record(at: 10))
    let back = [Self.record(at: 9)]
    let rewinds = table.committed(["a"]).rewinds(in: back)
    #expect(table.isNews(rewinds[0]))
    table.wentBack(rewinds)
    #expect(table.lanes["a"] == nil)
    #expect(!table.isNews(rewinds[0]))
    #expect(table.committed(["a"]).rewinds(in: back) == [])
    // Another comparison that began earlier ends after the lane was acquired again.
    table.acquire(Self.record(at: 9))
    #expect(!table.isNews(rewinds[0]))
  }

  @Test func `lanes that do not exist any more are forgotten`() {
    var table = table(Self.record("a", at: 10), Self.record("b", at: 10))
    table.release("a")
    table.release("b")
    table.forgetAbandoned { $0 == "b" }
    #expect(table.committed(["a", "b"]).names == ["b"])
  }
}
