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
    endings.note(.broken(LaneBreak(.rewound, atLeast: 3)), LaneCheck(record(), knownAdded: 9), record())
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
