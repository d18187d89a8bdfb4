import Testing

@testable import TidemarkCore

private func id(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }

/// Returns a lane of which ten entries were read, the last of them 10-0.
private func lane(
  read position: UInt64 = 10, ordinal: UInt64 = 10, counted: UInt64? = nil, isMirrored: Bool = true, hasRead: Bool = true,
  knownAdded: UInt64 = 0
) -> ExpectedStream {
  ExpectedStream(
    lane: "lane", cursor: id(position), anchor: nil, isMirrored: isMirrored, hasRead: hasRead, readPosition: id(position),
    readOrdinal: ordinal, countedPosition: id(counted ?? position), knownAdded: knownAdded)
}

private func stream(
  _ length: UInt64, first: UInt64?, last: UInt64?, generated: UInt64? = nil, added: UInt64, deleted: UInt64 = 0
) -> StreamInfo {
  StreamInfo(
    length: length, lastGeneratedID: id(generated ?? last ?? 0), entriesAdded: added, maxDeletedID: id(deleted), firstID: first.map(id),
    lastID: last.map(id))
}

private func judge(
  _ stream: StreamInfo?, of lane: ExpectedStream = lane(), hasGroup: Bool = true, anchor: StreamVerdict.Anchor = .same, evicted: UInt64 = 0
) -> StreamVerdict {
  StreamVerdict(lane, ObservedStream(stream: stream, hasGroup: hasGroup, anchor: .gone, evictedKeys: evicted), anchor: anchor)
}

private func missing(_ count: Int, _ cause: LaneGap.Cause, before: UInt64? = nil) -> StreamVerdict {
  .missing(LaneGap(after: id(10), before: before.map(id), missing: count, cause: cause, place: id(10)))
}

private func replaced(_ cause: LaneGap.Cause, atLeast: UInt64 = 0, after: UInt64 = 10) -> StreamVerdict {
  .replacement(StreamReplacement(cause, atLeast: atLeast, after: id(after)))
}

@Suite struct StreamVerdictTests {
  @Test func `a lane that is read to its end is sound, whatever was trimmed or deleted before the cursor`() {
    #expect(judge(stream(10, first: 1, last: 10, added: 10)) == .sound)
    #expect(judge(stream(1, first: 10, last: 10, added: 10)) == .sound)
    #expect(judge(stream(0, first: nil, last: nil, generated: 10, added: 10, deleted: 10), anchor: .gone) == .sound)
    #expect(judge(stream(7, first: 1, last: 9, generated: 10, added: 10, deleted: 10), anchor: .gone) == .sound)
  }

  @Test func `entries that wait are not lost, even where the cursor's own entry is trimmed`() {
    #expect(judge(stream(5, first: 11, last: 15, added: 15), anchor: .gone) == .sound)
  }

  @Test func `entries that were trimmed before they were read are counted exactly`() {
    #expect(judge(stream(3, first: 18, last: 20, added: 20), anchor: .gone) == missing(7, .trimmed, before: 18))
    #expect(judge(stream(0, first: nil, last: nil, generated: 20, added: 20), anchor: .gone) == missing(10, .trimmed))
  }

  @Test func `entries that were deleted before they were read are counted exactly where none waits before them`() {
    #expect(judge(stream(10, first: 1, last: 10, generated: 14, added: 14, deleted: 14)) == missing(4, .deleted))
    #expect(judge(stream(2, first: 13, last: 14, added: 14, deleted: 12), anchor: .gone) == missing(2, .deleted, before: 13))
  }

  @Test func `deletions within a stream are known only after reading on`() {
    let inspection = stream(12, first: 1, last: 20, added: 20, deleted: 17)
    #expect(judge(inspection) == .gapCheck(PendingGapCheck(entry: id(20), added: 20, since: id(10), maxDeletedID: id(17))))
  }

  @Test func `a gap check counts the entries that were not read up to its id`() {
    let gapCheck = PendingGapCheck(entry: id(20), added: 20, since: id(10), maxDeletedID: id(17))
    #expect(gapCheck.gap(read: 20, next: id(20), place: id(25)) == nil)
    #expect(gapCheck.gap(read: 21, next: id(20), place: id(25)) == nil)
    #expect(
      gapCheck.gap(read: 12, next: id(20), place: id(25))
        == LaneGap(after: id(10), before: id(20), missing: 8, cause: .deleted, place: id(25)))
    // The missing entries include the entry of the check.
    #expect(gapCheck.gap(read: 12, next: id(22), place: id(25))?.before == id(22))
  }

  @Test func `entries lost before the last read entry lie behind the last fully counted position`() {
    // 9 was deleted before it was read, and 10 was read.
    let end = stream(9, first: 1, last: 10, added: 10, deleted: 9)
    #expect(
      judge(end, of: lane(ordinal: 9, counted: 7))
        == .missing(LaneGap(after: id(7), before: id(10), missing: 1, cause: .deleted, place: id(10))))
    // The last deleted entry may be behind the last read one, too.
    let beyond = stream(9, first: 1, last: 10, generated: 11, added: 11, deleted: 11)
    #expect(
      judge(beyond, of: lane(ordinal: 9, counted: 7))
        == .missing(LaneGap(after: id(7), before: nil, missing: 2, cause: .deleted, place: id(10))))
  }

  @Test func `deleted entries among waiting ones may be anywhere up to the furthest deleted id`() {
    let inspection = stream(3, first: 12, last: 20, added: 15, deleted: 14)
    #expect(
      judge(inspection, anchor: .gone)
        == .missing(LaneGap(after: id(10), before: id(20), missing: 2, cause: .deleted, place: id(10))))
    let last = stream(3, first: 12, last: 20, generated: 21, added: 15, deleted: 21)
    #expect(
      judge(last, anchor: .gone) == .missing(LaneGap(after: id(10), before: nil, missing: 2, cause: .deleted, place: id(10))))
  }

  @Test func `a stream that is gone was flushed or evicted, and one that never existed is not missing`() {
    #expect(judge(nil) == replaced(.flushed))
    #expect(judge(nil, of: lane(knownAdded: 14)) == replaced(.flushed, atLeast: 4))
    #expect(judge(nil, evicted: 3) == replaced(.evicted))
    #expect(judge(nil, of: lane(read: 0, ordinal: 0, isMirrored: false, hasRead: false)) == .sound)
    // The stream was seen, and was gone before an entry of it was read.
    let seen = lane(read: 0, ordinal: 0, isMirrored: false, hasRead: false, knownAdded: 3)
    #expect(judge(nil, of: seen) == replaced(.flushed, atLeast: 3, after: 0))
    #expect(
      judge(stream(1, first: 20, last: 20, added: 1), of: seen, hasGroup: false) == replaced(.rewound, atLeast: 3, after: 0))
  }

  @Test func `what was lost with a stream is behind the last position that is known to be of it, although the next stream was read`() {
    // Of the fourteen entries of the old stream eight were read, the last of them 8-0, and then two of the next stream.
    let lane = lane(read: 32, ordinal: 10, counted: 8, knownAdded: 14)
    #expect(
      judge(stream(3, first: 31, last: 33, added: 3), of: lane, hasGroup: false) == replaced(.recreated, atLeast: 4, after: 8))
    #expect(judge(nil, of: lane) == replaced(.flushed, atLeast: 4, after: 8))
  }

  @Test func `counters or ids below the read position mean an older copy, and without the group another stream`() {
    for older in [stream(9, first: 1, last: 9, added: 9), stream(12, first: 1, last: 9, added: 12)] {
      #expect(judge(older, anchor: .gone) == replaced(.rewound))
      #expect(judge(older, hasGroup: false, anchor: .gone) == replaced(.recreated))
    }
  }

  @Test func `another entry under the cursor's id means a rewind, however far the stream has got since`() {
    #expect(judge(stream(50, first: 1, last: 50, added: 50), anchor: .other) == replaced(.rewound))
  }

  @Test func `a stream without the group and without the cursor's entry was replaced, however far it has got`() {
    #expect(
      judge(stream(50, first: 20, last: 80, added: 50), hasGroup: false, anchor: .gone)
        == replaced(.recreated))
  }

  @Test func `a stream with entries before a cursor's entry that is gone and was not deleted was replaced`() {
    let lane = lane(isMirrored: false)
    let inspection = stream(30, first: 4, last: 30, added: 40)
    #expect(judge(inspection, of: lane, hasGroup: false, anchor: .gone) == replaced(.recreated))
    let deleted = stream(30, first: 4, last: 30, added: 40, deleted: 10)
    guard case .gapCheck = judge(deleted, of: lane, hasGroup: false, anchor: .gone) else { return #expect(Bool(false)) }
    // It is not certain which stream this is, so no entry of it may be removed.
    let observed = ObservedStream(stream: deleted, hasGroup: false, anchor: .gone)
    #expect(!StreamVerdict.isSame(lane, observed, anchor: .gone))
    #expect(StreamVerdict.isSame(lane, observed, anchor: .same))
  }

  @Test func `a stream with the group, without the cursor's entry and with new entries is an older copy`() {
    let copy = stream(30, first: 4, last: 30, added: 40)
    #expect(judge(copy, anchor: .gone) == replaced(.rewound))
    #expect(judge(copy, hasGroup: false, anchor: .gone) == replaced(.recreated))
    // There is more to read than was added beyond the entries that were read.
    let grown = stream(12, first: 11, last: 30, added: 20)
    #expect(judge(grown, anchor: .gone) == replaced(.rewound))
    #expect(
      judge(grown, of: lane(isMirrored: false), hasGroup: false, anchor: .gone) == replaced(.recreated))
  }

  @Test func `a stream without the group was replaced, even where the cursor's entry is there`() {
    let read = stream(10, first: 1, last: 10, added: 10)
    #expect(judge(read, hasGroup: false) == replaced(.recreated))
    #expect(judge(read, of: lane(isMirrored: false), hasGroup: false) == .sound)
  }

  @Test func `a stream without a group that holds more entries than were added was replaced`() {
    let lane = lane(isMirrored: false)
    #expect(
      judge(stream(8, first: 20, last: 30, added: 12), of: lane, hasGroup: false, anchor: .gone)
        == replaced(.recreated))
    #expect(
      judge(stream(8, first: 5, last: 30, added: 10), of: lane, hasGroup: false, anchor: .gone)
        == replaced(.recreated))
  }

  @Test func `a start beyond the stream's end is no rewind`() {
    let start = lane(read: 99, ordinal: 10, isMirrored: false, hasRead: false)
    #expect(judge(stream(10, first: 1, last: 10, added: 10), of: start, hasGroup: false, anchor: .gone) == .sound)
  }
}
