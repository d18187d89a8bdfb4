import Testing

@testable import TidemarkCore

@Suite struct PendingGapCheckTests {
  fileprivate static func stream(_ ids: [UInt64], added: UInt64, maxDeleted: UInt64) -> ObservedStream {
    let stream = StreamInfo(
      length: UInt64(ids.count), lastGeneratedID: EntryID(ms: added, no: 0), entriesAdded: added,
      maxDeletedID: EntryID(ms: maxDeleted, no: 0), firstID: ids.first.map { EntryID(ms: $0, no: 0) },
      lastID: ids.last.map { EntryID(ms: $0, no: 0) })
    return ObservedStream(stream: stream, hasGroup: true, anchor: .gone)
  }

  fileprivate static func block(_ ids: some Sequence<UInt64>) -> EntryBlock {
    EntryBlock.of(ids.map { (EntryID(ms: $0, no: 0), [RawField([], [120])]) })
  }

  /// A lane whose worker was told that entries behind the tenth are deleted, and has read past the position that decides how many.
  private struct Suspicion {
    var table = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 500, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 10_000,
        haltAfterDeadLetters: 1_000, haltBackoff: .milliseconds(1)))
    var now = epoch

    init() throws {
      table.acquire(.named("lane"))
      #expect(try observe(PendingGapCheckTests.stream(Array(1...100), added: 100, maxDeleted: 0)) == .sound)
      read(1...10)
      now = now.advanced(by: .seconds(2))
      let verdict = try observe(PendingGapCheckTests.stream(Array(1...49) + Array(51...100), added: 100, maxDeleted: 50))
      let expected = PendingGapCheck(entry: EntryID(ms: 100, no: 0), added: 100, since: .zero, maxDeletedID: EntryID(ms: 50, no: 0))
      #expect(verdict == .gapCheck(expected))
      read(11...49)
      read(Array(51...110))
      // The stream may have been replaced since it was inspected.
      #expect(lane?.gaps == [])
    }

    var lane: OwnedLane? { table.lanes["lane"] }

    mutating func observe(_ observed: ObservedStream) throws -> StreamVerdict {
      guard case .check(let checks) = table.nextRead(block: .zero, now: now) else {
        Issue.record("no look is due")
        return .sound
      }
      return table.checked(StreamComparison(try #require(checks.first), observed, anchor: .same))
    }

    mutating func read(_ ids: some Sequence<UInt64>) {
      guard case .read(let request) = table.nextRead(block: .zero, now: now) else {
        Issue.record("no read is due")
        return
      }
      table.received(PendingGapCheckTests.block(ids), for: request, now: now)
    }
  }

  @Test func `entries deleted within a stream are counted as missing once the reader has passed them, and the stream is the same`() throws {
    var suspicion = try Suspicion()
    let observed = Self.stream(Array(1...49) + Array(51...110), added: 110, maxDeleted: 50)
    let gap = LaneGap(after: .zero, before: EntryID(ms: 110, no: 0), missing: 1, cause: .deleted, place: EntryID(ms: 110, no: 0))
    #expect(try suspicion.observe(observed) == .missing(gap))
    #expect(suspicion.lane?.gaps == [gap])
    #expect(suspicion.lane?.readOrdinal == 110)
  }

  @Test func `entries deleted within a stream are counted although more waits, and what is deleted of that is counted then`() throws {
    var suspicion = try Suspicion()
    let waiting = Self.stream(Array(1...49) + Array(51...118), added: 120, maxDeleted: 120)
    guard case .gapCheck = try suspicion.observe(waiting) else {
      Issue.record("nothing is left to decide")
      return
    }
    let gap = LaneGap(after: .zero, before: EntryID(ms: 100, no: 0), missing: 1, cause: .deleted, place: EntryID(ms: 110, no: 0))
    #expect(suspicion.lane?.gaps == [gap])
    #expect(suspicion.lane?.readOrdinal == 110)
    suspicion.read(Array(111...118) + [121])
    #expect(suspicion.lane?.gaps == [gap])
    let end = EntryID(ms: 121, no: 0)
    let next = LaneGap(after: EntryID(ms: 100, no: 0), before: end, missing: 2, cause: .deleted, place: end)
    let observed = Self.stream(Array(1...49) + Array(51...118) + [121], added: 121, maxDeleted: 120)
    #expect(try suspicion.observe(observed) == .missing(next))
    #expect(suspicion.lane?.gaps == [gap, next])
    #expect(suspicion.lane?.readOrdinal == 121)
  }

  @Test func `what seems to be deleted is not counted exactly where it went with the stream`() throws {
    var suspicion = try Suspicion()
    let next = StreamInfo(
      length: 10, lastGeneratedID: EntryID(ms: 110, no: 0), entriesAdded: 10, maxDeletedID: .zero, firstID: EntryID(ms: 101, no: 0),
      lastID: EntryID(ms: 110, no: 0))
    let replacement = StreamReplacement(.rewound, atLeast: 0, after: .zero)
    #expect(try suspicion.observe(ObservedStream(stream: next, hasGroup: true, anchor: .gone)) == .replacement(replacement))
    #expect(suspicion.lane?.gaps == [])
    #expect(suspicion.lane?.closing == .replaced)
  }
}
