import Testing

@testable import TidemarkCore

@Suite struct PendingGapCheckTests {
  private static func stream(_ ids: [UInt64], added: UInt64, maxDeleted: UInt64) -> ObservedStream {
    let stream = StreamInfo(
      length: UInt64(ids.count), lastGeneratedID: EntryID(ms: added, no: 0), entriesAdded: added,
      maxDeletedID: EntryID(ms: maxDeleted, no: 0), firstID: ids.first.map { EntryID(ms: $0, no: 0) },
      lastID: ids.last.map { EntryID(ms: $0, no: 0) })
    return ObservedStream(stream: stream, hasGroup: true, anchor: .gone)
  }

  private static func block(_ ids: some Sequence<UInt64>) -> EntryBlock {
    EntryBlock.of(ids.map { (EntryID(ms: $0, no: 0), [RawField([], [120])]) })
  }

  @Test func `entries deleted within a stream are counted as missing once the reader has passed them`() throws {
    var table = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 500, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 10_000,
        haltAfterDeadLetters: 1_000, haltBackoff: .milliseconds(1)))
    table.acquire(.named("lane"))
    var now = epoch

    func observe(_ observed: ObservedStream) throws -> StreamVerdict {
      guard case .check(let checks) = table.nextRead(block: .zero, now: now) else {
        Issue.record("no look is due")
        return .sound
      }
      return table.checked(StreamComparison(try #require(checks.first), observed, anchor: .same))
    }
    func read(_ ids: some Sequence<UInt64>) {
      guard case .read(let request) = table.nextRead(block: .zero, now: now) else {
        Issue.record("no read is due")
        return
      }
      table.received(Self.block(ids), for: request, now: now)
    }

    #expect(try observe(Self.stream(Array(1...100), added: 100, maxDeleted: 0)) == .sound)
    read(1...10)
    now = now.advanced(by: .seconds(2))
    let verdict = try observe(Self.stream(Array(1...49) + Array(51...100), added: 100, maxDeleted: 50))
    guard case .gapCheck(let gapCheck) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(gapCheck.entry == EntryID(ms: 100, no: 0))
    read(11...49)
    #expect(table.lanes["lane"]?.gaps == [])
    read(Array(51...120))
    let gap = try #require(table.lanes["lane"]?.gaps.first)
    #expect(gap.missing == 1)
    #expect(gap.cause == .deleted)
    #expect(table.lanes["lane"]?.readOrdinal == 120)
  }
}
