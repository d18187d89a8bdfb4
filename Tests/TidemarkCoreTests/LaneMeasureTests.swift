import Testing

@testable import TidemarkCore

@Suite struct LaneStartTests {
  private static let stream = StreamInfo(
    length: 10, lastGeneratedID: EntryID(ms: 90, no: 1), entriesAdded: 25, maxDeletedID: .zero, firstID: EntryID(ms: 50, no: 0))

  @Test func `entries from before the start are the baseline`() {
    func begin(_ start: LaneStart, _ stream: StreamInfo? = LaneStartTests.stream, following: UInt64 = 0) -> [UInt64] {
      let (position, baseline) = start.begin(stream, following: following)
      return [position.ms, position.no, baseline]
    }
    #expect(begin(.oldest) == [0, 0, 15])
    #expect(begin(.newest) == [90, 1, 25])
    #expect(begin(.after(EntryID(ms: 60, no: 2)), following: 4) == [60, 2, 21])
    // The id is beyond the stream's end: a later entry may be below it.
    #expect(begin(.after(EntryID(ms: 99, no: 0))) == [90, 1, 25])
  }

  @Test func `a stream that does not exist yet has no baseline`() {
    #expect(LaneStart.oldest.begin(nil) == (.zero, 0))
    #expect(LaneStart.newest.begin(nil) == (.zero, 0))
    #expect(LaneStart.after(EntryID(ms: 5, no: 5)).begin(nil) == (.zero, 0))
  }

  @Test func `entries in the stream before the start are skipped`() {
    #expect(LaneStart.oldest.skipped(Self.stream) == 0)
    #expect(LaneStart.newest.skipped(Self.stream) == 10)
    #expect(LaneStart.after(EntryID(ms: 60, no: 2)).skipped(Self.stream, following: 4) == 6)
    #expect(LaneStart.after(.zero).skipped(Self.stream, following: 11) == 0)
    #expect(LaneStart.newest.skipped(nil) == 0)
  }

  private static func profile(_ name: String, _ streams: String, _ start: LaneStart) -> LaneProfile {
    LaneProfile(stream: name, of: LaneItem(streams: streams, start: start), KeyNames(prefix: "t"))
  }

  @Test func `a start applies to the streams that an item finds when it takes effect`() {
    var items = ItemsInEffect()
    #expect(items.start(of: "job:1", as: Self.profile("job:1", "job:*", .newest)) == nil)
    items.add([ItemInEffect(streams: "job:*", unmeasured: ["job:2"]), ItemInEffect(streams: "audit")])
    #expect(items.start(of: "job:1", as: Self.profile("job:1", "job:*", .newest)) == .oldest)
    #expect(items.start(of: "job:2", as: Self.profile("job:2", "job:*", .newest)) == .newest)
    #expect(items.start(of: "audit", as: Self.profile("audit", "audit", .after(EntryID(ms: 5, no: 5)))) == .oldest)
    #expect(items.start(of: "task:1", as: Self.profile("task:1", "task:*", .newest)) == nil)
    // Those of the partitions are there without an item.
    let keys = KeyNames(prefix: "t").partition(0)
    #expect(ItemsInEffect().start(of: keys.changes, as: LaneProfile(SessionPartition(number: 0, count: 1), keys)) == .oldest)
    items.forget()
    #expect(!items.contains("job:*"))
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
    var record = LaneRecord.named("lane", cursor: LaneCursor(position: EntryID(ms: ms, no: 0), appliedNo: 0))
    record.ordinal = ordinal
    return record
  }

  private static func stream(added: UInt64, last: UInt64, first: UInt64?) -> StreamInfo {
    StreamInfo(
      length: 1, lastGeneratedID: EntryID(ms: last, no: 0), entriesAdded: added, maxDeletedID: .zero,
      firstID: first.map { EntryID(ms: $0, no: 0) })
  }

  @Test func `the lag counts the entries beyond the cursor and the age of the oldest that waits`() {
    let stream = Self.stream(added: 30, last: 9_000, first: 1_000)
    let lag = LagMeasure.lag(stream, record: Self.record(2_000, ordinal: 20), oldestUncommitted: EntryID(ms: 7_500, no: 0), now: 10_000)
    #expect(lag == LaneLag(entries: 10, seconds: 2.5))
  }

  @Test func `a lane at its stream's end, or without a stream, has no lag`() {
    let record = Self.record(9_000, ordinal: 30)
    #expect(LagMeasure.lag(nil, record: record, oldestUncommitted: nil, now: 1) == LaneLag(entries: 0, seconds: 0))
    let stream = Self.stream(added: 30, last: 9_000, first: 9_000)
    #expect(LagMeasure.lag(stream, record: record, oldestUncommitted: nil, now: 99_000) == LaneLag(entries: 0, seconds: 0))
    // Counters behind the cursor give no negative lag.
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

  @Test func `an id ahead of the clock tells no age, and the time for which its entry was seen to wait counts`() {
    func lag(_ now: UInt64, waited: Duration?) -> LaneLag {
      LagMeasure.lag(
        Self.stream(added: 1, last: 9_000, first: 9_000), record: Self.record(0, ordinal: 0), oldestUncommitted: nil, now: now,
        waited: waited)
    }
    #expect(lag(8_000, waited: nil) == LaneLag(entries: 1, seconds: nil))
    #expect(lag(8_000, waited: .seconds(7)) == LaneLag(entries: 1, seconds: 7))
    #expect(lag(8_000, waited: .zero) == LaneLag(entries: 1, seconds: 0))
    #expect(lag(10_000, waited: .seconds(7)) == LaneLag(entries: 1, seconds: 7))
    // The entry may have waited before it was first observed.
    #expect(lag(30_000, waited: .seconds(7)) == LaneLag(entries: 1, seconds: 21))
  }
}

@Suite struct BacklogAgeTests {
  private func at(_ seconds: Int64) -> ContinuousClock.Instant { epoch.advanced(by: .seconds(seconds)) }

  @Test func `the oldest entry that is not committed has waited since it was first seen`() {
    var age = BacklogAge()
    age.observe(added: 5, committed: 5, at: at(0))
    #expect(age.waited(until: at(1)) == nil)
    age.observe(added: 10, committed: 5, at: at(2))
    age.observe(added: 10, committed: 5, at: at(4))
    age.observe(added: 20, committed: 5, at: at(6))
    #expect(age.waited(until: at(7)) == .seconds(5))
    age.observe(added: 20, committed: 9, at: at(8))
    #expect(age.waited(until: at(8)) == .seconds(6))
    // The tenth entry is committed; the later ones were first seen later.
    age.observe(added: 20, committed: 10, at: at(9))
    #expect(age.waited(until: at(9)) == .seconds(3))
    age.observe(added: 20, committed: 20, at: at(10))
    #expect(age.waited(until: at(10)) == nil)
  }

  @Test func `the age begins anew with another stream`() {
    var age = BacklogAge()
    age.observe(added: 100, committed: 50, at: at(0))
    age.observe(added: 3, committed: 0, at: at(5))
    #expect(age.waited(until: at(6)) == .seconds(1))
  }

  @Test func `the number of samples is bounded, and the first one of an outage stays`() {
    var age = BacklogAge()
    for second in 1...10_000 { age.observe(added: UInt64(second), committed: 0, at: at(Int64(second))) }
    #expect(age.waited(until: at(10_001)) == .seconds(10_000))
    age.observe(added: 10_000, committed: 5_000, at: at(10_001))
    let waited = age.waited(until: at(10_001)) ?? .zero
    #expect(waited > .seconds(4_000) && waited <= .seconds(5_000), "\(waited)")
  }
}
