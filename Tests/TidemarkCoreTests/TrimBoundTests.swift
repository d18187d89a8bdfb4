import Testing

@testable import TidemarkCore

private func id(_ ms: UInt64, _ no: UInt64 = 0) -> EntryID { EntryID(ms: ms, no: no) }

/// Returns the bound of a stream from 1000-0 to 2000-0 at the moment 10000.
private func bound(
  cursor: EntryID = id(1_800), keep: Duration = .zero, keepBytes: Int = .max, entryBytes: Double? = 100, length: UInt64 = 100,
  groups: [LaneGroup] = [], ignored: Set<String> = [], isEnabled: Bool = true, first: UInt64? = 1_000, last: EntryID = id(2_000),
  passed: PassedPositions = PassedPositions()
) -> TrimBound {
  TrimBound(
    StreamInfo(
      length: length, lastGeneratedID: last, entriesAdded: 100, maxDeletedID: .zero, firstID: first.map { id($0) },
      lastID: first.map { _ in last }),
    cursor: cursor, now: 10_000, passed: passed, at: epoch,
    limits: TrimLimits(isEnabled: isEnabled, keep: keep, keepBytes: keepBytes, ignoredGroups: ignored), entryBytes: entryBytes,
    groups: groups, own: "tidemark")
}

@Suite struct TrimBoundTests {
  @Test func `the cursor's own entry stays, and so do all entries behind it`() {
    #expect(bound().below == id(1_800))
    #expect(bound(cursor: id(1_800, 3)).below == id(1_800, 3))
    #expect(bound(cursor: .zero).below == nil)
    #expect(bound(cursor: id(1_000)).below == nil)
    #expect(bound(first: nil).below == nil)
    #expect(bound(isEnabled: false).below == nil)
  }

  @Test func `entries younger than the kept window stay, even if they are durable`() {
    #expect(bound(keep: .milliseconds(8_500)).below == id(1_500))
    #expect(bound(keep: .seconds(8)).below == id(1_800))
    #expect(bound(keep: .seconds(9)).below == nil)
    #expect(bound(keep: .seconds(3_600)).below == nil)
  }

  @Test func `half of the excess bytes is removed at a time, and never an entry that is not durable`() {
    // There are 10,000 bytes, of which 4,000 may stay: 60 of 100 entries are too many.
    #expect(bound(keep: .seconds(3_600), keepBytes: 4_000).below == id(1_300))
    #expect(bound(keep: .seconds(3_600), keepBytes: 10_000).below == nil)
    #expect(bound(cursor: id(1_200), keep: .seconds(3_600), keepBytes: 0).below == id(1_200))
    #expect(bound(keep: .seconds(3_600), keepBytes: 0, entryBytes: nil).below == nil)
    // The smaller window decides, whichever it is.
    #expect(bound(keep: .milliseconds(8_300), keepBytes: 4_000).below == id(1_700))
  }

  @Test func `entries that another group still wants stay, delivered or not`() {
    let reading = LaneGroup(name: "reading", lastDelivered: id(1_400), firstPending: nil)
    #expect(bound(groups: [reading]) == bound(cursor: id(1_400, 1), groups: []).blocked(by: ["reading"]))
    let pending = LaneGroup(name: "pending", lastDelivered: id(1_900), firstPending: id(1_300))
    #expect(bound(groups: [reading, pending]) == bound(cursor: id(1_300)).blocked(by: ["pending", "reading"]))
    let new = LaneGroup(name: "new", lastDelivered: .zero, firstPending: nil)
    #expect(bound(groups: [new]) == bound(cursor: .zero).blocked(by: ["new"]))
    // A group without open entries blocks nothing.
    #expect(bound(groups: [LaneGroup(name: "done", lastDelivered: id(2_000), firstPending: nil)]) == bound())
  }

  /// Returns positions that the cursor passed: entry, entries that Redis had added by then, seconds ago.
  private func passed(_ places: [(EntryID, UInt64, Int64)], kept: Double? = 1) -> PassedPositions {
    var passed = PassedPositions()
    for (position, ordinal, ago) in places {
      var record = LaneRecord.named("a", cursor: LaneCursor(position: position, appliedNo: 0))
      record.ordinal = ordinal
      passed.note(record, keep: .seconds(3_600), kept: kept, at: epoch.advanced(by: .seconds(-ago)))
    }
    return passed
  }

  /// Returns the bound of a stream whose ids are in microseconds.
  private func inMicroseconds(_ cursor: EntryID, keep: Duration, keepBytes: Int = .max, _ passed: PassedPositions) -> TrimBound {
    bound(cursor: cursor, keep: keep, keepBytes: keepBytes, first: 1_000_000, last: id(2_000_000), passed: passed)
  }

  @Test func `where ids tell no time, an entry is as old as the time since it was passed`() {
    let seen = passed([(id(1_200_000), 20, 90), (id(1_500_000), 50, 60), (id(1_800_000), 80, 30)])
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(60), seen).below == id(1_500_000))
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(59), seen).below == id(1_500_000))
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(30), seen).below == id(1_800_000))
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(91), seen).below == nil)
    // The bound is never beyond the cursor of the ledger, which may have gone back.
    #expect(inMicroseconds(id(1_100_000), keep: .seconds(30), seen).below == id(1_100_000))
    #expect(inMicroseconds(id(1_900_000), keep: .zero, PassedPositions()).below == nil)
  }

  @Test func `where ids tell no time, exactly the excess entries are removed by size`() {
    let seen = passed([(id(1_200_000), 20, 90), (id(1_500_000), 50, 60), (id(1_800_000), 80, 30)])
    // 40 of 100 entries may stay.
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(3_600), keepBytes: 4_000, seen).below == id(1_500_000))
    #expect(inMicroseconds(id(1_900_000), keep: .seconds(3_600), keepBytes: 9_000, seen).below == id(1_050_000))
    // All entries are of one millisecond: they follow an id that is ahead of the clock.
    let row = bound(cursor: id(1_000, 90), keep: .seconds(3_600), keepBytes: 4_000, last: id(1_000, 100))
    #expect(row.below == id(1_000, 30))
  }

  @Test func `entries are not assumed to be spread evenly where only some ids are ahead of the clock`() {
    #expect(bound(cursor: id(1_900), keep: .seconds(3_600), keepBytes: 4_000, last: id(2_000_000)).below == nil)
    let seen = passed([(id(1_300), 30, 90), (id(1_900), 60, 60)])
    #expect(bound(cursor: id(1_900), keep: .seconds(3_600), keepBytes: 4_000, last: id(2_000_000), passed: seen).below == id(1_900))
  }

  @Test func `the number of passed positions is bounded, and they begin anew with another stream`() {
    let all = passed((0..<5_000).map { (id(1_000_000 + UInt64($0)), UInt64($0), 5_000 - Int64($0)) }, kept: nil)
    #expect(all.samples.count <= PassedPositions.capacity)
    let age = all.position(olderThan: .seconds(1_800), at: epoch).map { 1_005_000 - Int64($0.ms) } ?? 0
    #expect((1_800...2_000).contains(age), "\(age)")
    var next = all
    var record = LaneRecord.named("a", cursor: LaneCursor(position: id(5), appliedNo: 0))
    (record.ordinal, record.incarnation) = (2, 2)
    next.note(record, keep: .seconds(3_600), kept: nil, at: epoch)
    #expect(next.samples.map(\.position) == [id(5)])
  }

  @Test func `the mirroring group and ignored groups block no trimming`() {
    let groups = ["tidemark", "old"].map { LaneGroup(name: $0, lastDelivered: .zero, firstPending: id(1_000)) }
    #expect(bound(groups: groups, ignored: ["old"]) == bound())
  }
}

extension TrimBound {
  fileprivate func blocked(by groups: [String]) -> TrimBound {
    var bound = self
    bound.blockedBy = groups
    return bound
  }
}
