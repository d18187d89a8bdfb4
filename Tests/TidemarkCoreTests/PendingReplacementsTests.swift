import Testing

@testable import TidemarkCore

@Suite struct PendingReplacementsTests {
  private static func record(incarnation: Int64 = 1) -> LaneRecord {
    var record = LaneRecord.named("a", id: 1)
    (record.incarnation, record.ordinal, record.isMirrored) = (incarnation, 6, true)
    record.cursor.position = EntryID(ms: 6, no: 0)
    return record
  }

  /// The finding for the lane: a rewind, after Redis had reported nine entries.
  private static var pendingReplacements: PendingReplacements {
    var pendingReplacements = PendingReplacements()
    let comparison = StreamComparison(
      ExpectedStream(record(), knownAdded: 9), ObservedStream(stream: nil, hasGroup: false, anchor: .gone), anchor: .gone)
    pendingReplacements.note(.replacement(StreamReplacement(.rewound, atLeast: 3, after: EntryID(ms: 4, no: 0))), comparison, record())
    return pendingReplacements
  }

  /// Returns a stream with `added` entries, which holds the cursor's entry.
  private static func observe(_ record: LaneRecord, added: UInt64, after pending: PendingReplacements.Replacement?) -> StreamComparison {
    let stream = StreamInfo(
      length: added, lastGeneratedID: EntryID(ms: 20, no: 0), entriesAdded: added, maxDeletedID: .zero, firstID: EntryID(ms: 1, no: 0),
      lastID: EntryID(ms: 20, no: 0))
    return StreamComparison(
      ExpectedStream(record, after: pending), ObservedStream(stream: stream, hasGroup: true, anchor: .there(nil)), anchor: .same)
  }

  @Test func `a replaced stream stays replaced, however much it resembles the old one later`() {
    let record = Self.record()
    let pending = Self.pendingReplacements.pending(of: record)
    let comparison = Self.observe(record, added: 12, after: pending)
    #expect(comparison.replacement(after: pending) == StreamReplacement(.rewound, atLeast: 3, after: EntryID(ms: 4, no: 0)))
    #expect(comparison.replacement(after: nil) == nil)
  }

  @Test func `entries that go from a new stream after it was found are missing, and earlier ones belong to the baseline`() {
    func observe(added: UInt64, length: UInt64, hasGroup: Bool = false) -> StreamComparison {
      let stream = StreamInfo(
        length: length, lastGeneratedID: EntryID(ms: 20, no: 0), entriesAdded: added, maxDeletedID: .zero,
        firstID: EntryID(ms: 15, no: 0), lastID: EntryID(ms: 20, no: 0))
      let observed = ObservedStream(stream: stream, hasGroup: hasGroup, anchor: .gone)
      return StreamComparison(ExpectedStream(Self.record(), knownAdded: 6), observed, anchor: .gone)
    }
    var pendingReplacements = PendingReplacements()
    let replacement = StreamReplacement(.recreated, atLeast: 0, after: .zero)
    pendingReplacements.note(.replacement(replacement), observe(added: 5, length: 4), Self.record())
    let pending = pendingReplacements.pending(of: Self.record())
    func baseline(_ start: LaneStart, _ comparison: StreamComparison, after pending: PendingReplacements.Replacement?) -> UInt64 {
      start.begin(comparison, after: pending).baseline
    }
    #expect(baseline(.oldest, observe(added: 7, length: 4), after: pending) == 1)
    #expect(baseline(.oldest, observe(added: 7, length: 4), after: nil) == 3)
    #expect(baseline(.newest, observe(added: 7, length: 4), after: pending) == 7)
    // The stream was replaced once more, and an older copy has this installation's group.
    #expect(baseline(.oldest, observe(added: 4, length: 2), after: pending) == 2)
    #expect(baseline(.oldest, observe(added: 70, length: 4, hasGroup: true), after: pending) == 66)
  }

  @Test func `what was lost is behind what was found to be of the old stream, although entries of the next one were committed since`() {
    var record = Self.record()
    (record.cursor.position, record.ordinal) = (EntryID(ms: 15, no: 0), 8)
    let pending = Self.pendingReplacements.pending(of: record)
    let (observed, lane) = (ObservedStream(stream: nil, hasGroup: false, anchor: .gone), ExpectedStream(record, after: pending))
    #expect(
      StreamComparison(lane, observed).replacement(after: pending)
        == StreamReplacement(.flushed, atLeast: 1, after: EntryID(ms: 4, no: 0)))
    // The ledger went back behind that position: what it lacks is lost, too.
    record.cursor.position = EntryID(ms: 3, no: 0)
    #expect(ExpectedStream(record, after: pending).countedPosition == EntryID(ms: 3, no: 0))
  }

  @Test func `a verdict stays when the lane's incarnation is raised above the published one, and only then`() {
    var pendingReplacements = Self.pendingReplacements
    pendingReplacements.raised(Self.record(incarnation: 4), to: 9)
    #expect(pendingReplacements.pending(of: Self.record()) != nil)
    pendingReplacements.raised(Self.record(), to: 7)
    #expect(
      pendingReplacements.pending(of: Self.record(incarnation: 7))?.replacement
        == StreamReplacement(.rewound, atLeast: 3, after: EntryID(ms: 4, no: 0)))
    #expect(pendingReplacements.pending(of: Self.record()) == nil)
  }

  @Test
  func `a known stream is compared again when its lane is acquired again, unless another worker owned the lane or the stream was replaced`()
  {
    var next = Self.record(incarnation: 2)
    var pendingReplacements = Self.pendingReplacements
    #expect(pendingReplacements.pending(of: Self.record())?.knownAdded == 9)
    #expect(pendingReplacements.pending(of: next) == nil)
    var another = Self.record()
    another.fence += 1
    #expect(pendingReplacements.pending(of: another) == nil)
    #expect(Self.observe(next, added: 7, after: pendingReplacements.pending(of: next)).replacement(after: nil) == nil)
    pendingReplacements.acquired(Self.record())
    #expect(pendingReplacements.pending(of: Self.record()) != nil)
    pendingReplacements.acquired(next)
    next.incarnation = 1
    #expect(pendingReplacements.pending(of: next) == nil)
  }
}
