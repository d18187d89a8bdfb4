import Testing

@testable import TidemarkCore

@Suite struct LaneStartTests {
  private static let stream = LaneInspection(
    length: 10, lastGeneratedID: EntryID(ms: 90, no: 1), entriesAdded: 25, maxDeletedID: .zero, firstID: EntryID(ms: 50, no: 0))

  @Test func `what came before the start is the baseline`() {
    func begin(_ start: LaneStart, _ stream: LaneInspection? = LaneStartTests.stream, following: UInt64 = 0) -> [UInt64] {
      let (position, baseline) = start.begin(stream, following: following)
      return [position.ms, position.no, baseline]
    }
    #expect(begin(.oldest) == [0, 0, 15])
    #expect(begin(.newest) == [90, 1, 25])
    #expect(begin(.after(EntryID(ms: 60, no: 2)), following: 4) == [60, 2, 21])
    #expect(begin(.after(EntryID(ms: 99, no: 0))) == [99, 0, 25])
  }

  @Test func `a stream that does not exist yet has no baseline`() {
    #expect(LaneStart.oldest.begin(nil) == (.zero, 0))
    #expect(LaneStart.newest.begin(nil) == (.zero, 0))
    #expect(LaneStart.after(EntryID(ms: 5, no: 5)).begin(nil) == (EntryID(ms: 5, no: 5), 0))
  }

  @Test func `counters that contradict one another give no negative baseline`() {
    var stream = Self.stream
    stream.entriesAdded = 3
    #expect(LaneStart.oldest.begin(stream).baseline == 0)
    #expect(LaneStart.after(.zero).begin(stream, following: 9).baseline == 0)
  }
}

@Suite struct LagMeasureTests {
  private static func record(_ ms: UInt64, ordinal: UInt64) -> LaneRecord {
    var record = LaneRecord.named("lane", cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: 0, seal: []))
    record.ordinal = ordinal
    return record
  }

  private static func stream(added: UInt64, last: UInt64, first: UInt64?) -> LaneInspection {
    LaneInspection(
      length: 1, lastGeneratedID: EntryID(ms: last, no: 0), entriesAdded: added, maxDeletedID: .zero,
      firstID: first.map { EntryID(ms: $0, no: 0) })
  }

  @Test func `entries are what Redis added beyond the cursor, seconds the age of the oldest that waits`() {
    let stream = Self.stream(added: 30, last: 9_000, first: 1_000)
    let lag = LagMeasure.lag(stream, record: Self.record(2_000, ordinal: 20), oldestUncommitted: EntryID(ms: 7_500, no: 0), now: 10_000)
    #expect(lag == LaneLag(entries: 10, seconds: 2.5))
  }

  @Test func `a lane at its end, or without a stream, is not behind`() {
    let record = Self.record(9_000, ordinal: 30)
    #expect(LagMeasure.lag(nil, record: record, oldestUncommitted: nil, now: 1) == LaneLag(entries: 0, seconds: 0))
    let stream = Self.stream(added: 30, last: 9_000, first: 9_000)
    #expect(LagMeasure.lag(stream, record: record, oldestUncommitted: nil, now: 99_000) == LaneLag(entries: 0, seconds: 0))
    // Counters behind the cursor are no negative lag.
    let fewer = Self.stream(added: 10, last: 9_500, first: nil)
    #expect(LagMeasure.lag(fewer, record: record, oldestUncommitted: nil, now: 99_000) == LaneLag(entries: 0, seconds: 0))
  }

  @Test func `without a read entry the stream's first one counts, where it is beyond the cursor`() {
    let record = Self.record(2_000, ordinal: 0)
    let beyond = Self.stream(added: 5, last: 9_000, first: 4_000)
    #expect(LagMeasure.lag(beyond, record: record, oldestUncommitted: nil, now: 5_000) == LaneLag(entries: 5, seconds: 1))
    let before = Self.stream(added: 5, last: 9_000, first: 1_000)
    #expect(LagMeasure.lag(before, record: record, oldestUncommitted: nil, now: 5_000) == LaneLag(entries: 5, seconds: nil))
  }

  @Test func `a clock behind the entry gives no negative age`() {
    let lag = LagMeasure.lag(
      Self.stream(added: 1, last: 9_000, first: 9_000), record: Self.record(0, ordinal: 0), oldestUncommitted: nil, now: 8_000)
    #expect(lag == LaneLag(entries: 1, seconds: 0))
  }
}
