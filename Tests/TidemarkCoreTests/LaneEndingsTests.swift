import Testing

@testable import TidemarkCore

@Suite struct LaneEndingsTests {
  private static func record(incarnation: Int64 = 1) -> LaneRecord {
    var record = LaneRecord.named("a", id: 1)
    (record.incarnation, record.ordinal, record.isMirrored) = (incarnation, 6, true)
    record.cursor.position = EntryID(ms: 6, no: 0)
    return record
  }

  /// What was found of the lane: a rewind, after Redis had told of nine entries.
  private static var endings: LaneEndings {
    var endings = LaneEndings()
    let look = LaneLook(LaneCheck(record(), knownAdded: 9), LaneSnapshot(stream: nil, hasGroup: false, anchor: .gone), anchor: .gone)
    endings.note(.broken(LaneBreak(.rewound, atLeast: 3)), look, record())
    return endings
  }

  /// A stream to which so many were added, with our cursor's entry in it.
  private static func look(_ record: LaneRecord, added: UInt64, after ending: LaneEndings.Ending?) -> LaneLook {
    let stream = LaneInspection(
      length: added, lastGeneratedID: EntryID(ms: 20, no: 0), entriesAdded: added, maxDeletedID: .zero, firstID: EntryID(ms: 1, no: 0),
      lastID: EntryID(ms: 20, no: 0))
    return LaneLook(LaneCheck(record, after: ending), LaneSnapshot(stream: stream, hasGroup: true, anchor: .there(nil)), anchor: .same)
  }

  @Test func `a stream that was found to be another stays so, however like the old one it looks by now`() {
    let record = Self.record()
    let ending = Self.endings.ending(of: record)
    let look = Self.look(record, added: 12, after: ending)
    #expect(look.broken(after: ending) == LaneBreak(.rewound, atLeast: 3))
    #expect(look.broken(after: nil) == nil)
  }

  @Test func `what goes from a new stream after it was found is missing, and not what came before its start`() {
    func look(added: UInt64, length: UInt64, hasGroup: Bool = false) -> LaneLook {
      let stream = LaneInspection(
        length: length, lastGeneratedID: EntryID(ms: 20, no: 0), entriesAdded: added, maxDeletedID: .zero,
        firstID: EntryID(ms: 15, no: 0), lastID: EntryID(ms: 20, no: 0))
      let snapshot = LaneSnapshot(stream: stream, hasGroup: hasGroup, anchor: .gone)
      return LaneLook(LaneCheck(Self.record(), knownAdded: 6), snapshot, anchor: .gone)
    }
    var endings = LaneEndings()
    endings.note(.broken(LaneBreak(.recreated, atLeast: 0)), look(added: 5, length: 4), Self.record())
    let ending = endings.ending(of: Self.record())
    func baseline(_ start: LaneStart, _ look: LaneLook, after ending: LaneEndings.Ending?) -> UInt64 {
      start.begin(look, after: ending).baseline
    }
    #expect(baseline(.oldest, look(added: 7, length: 4), after: ending) == 1)
    #expect(baseline(.oldest, look(added: 7, length: 4), after: nil) == 3)
    #expect(baseline(.newest, look(added: 7, length: 4), after: ending) == 7)
    // A third one by now, and an older copy of ours.
    #expect(baseline(.oldest, look(added: 4, length: 2), after: ending) == 2)
    #expect(baseline(.oldest, look(added: 70, length: 4, hasGroup: true), after: ending) == 66)
  }

  @Test func `a finding stays when the lane's incarnation is raised above the one that agents know, and with it only`() {
    var endings = Self.endings
    endings.raised(Self.record(incarnation: 4), to: 9)
    #expect(endings.ending(of: Self.record()) != nil)
    endings.raised(Self.record(), to: 7)
    #expect(endings.ending(of: Self.record(incarnation: 7))?.broken == LaneBreak(.rewound, atLeast: 3))
    #expect(endings.ending(of: Self.record()) == nil)
  }

  @Test
  func `what was known of a stream is held against it when its lane is taken again, and not against the next one, nor once another had it`()
  {
    var next = Self.record(incarnation: 2)
    var endings = Self.endings
    #expect(endings.ending(of: Self.record())?.knownAdded == 9)
    #expect(endings.ending(of: next) == nil)
    var another = Self.record()
    another.fence += 1
    #expect(endings.ending(of: another) == nil)
    #expect(Self.look(next, added: 7, after: endings.ending(of: next)).broken(after: nil) == nil)
    endings.takenUp(Self.record())
    #expect(endings.ending(of: Self.record()) != nil)
    endings.takenUp(next)
    next.incarnation = 1
    #expect(endings.ending(of: next) == nil)
  }
}
