import Testing

@testable import TidemarkCore

private func id(_ ms: UInt64, _ no: UInt64 = 0) -> EntryID { EntryID(ms: ms, no: no) }

/// A stream from 1000-0 to 2000-0 at the moment 10000.
private func bound(
  cursor: EntryID = id(1_800), keep: Duration = .zero, keepBytes: Int = .max, entryBytes: Double? = 100, length: UInt64 = 100,
  groups: [LaneGroup] = [], ignored: Set<String> = [], isEnabled: Bool = true, first: UInt64? = 1_000
) -> TrimBound {
  TrimBound(
    LaneInspection(
      length: length, lastGeneratedID: id(2_000), entriesAdded: 100, maxDeletedID: .zero, firstID: first.map { id($0) },
      lastID: first.map { _ in id(2_000) }),
    cursor: cursor, now: 10_000,
    limits: TrimLimits(isEnabled: isEnabled, keep: keep, keepBytes: keepBytes, ignoredGroups: ignored), entryBytes: entryBytes,
    groups: groups, own: "tidemark")
}

@Suite struct TrimBoundTests {
  @Test func `the cursor's own entry stays, and all behind it`() {
    #expect(bound().below == id(1_800))
    #expect(bound(cursor: id(1_800, 3)).below == id(1_800, 3))
    #expect(bound(cursor: .zero).below == nil)
    #expect(bound(cursor: id(1_000)).below == nil)
    #expect(bound(first: nil).below == nil)
    #expect(bound(isEnabled: false).below == nil)
  }

  @Test func `what is younger than the kept window stays, however durable`() {
    #expect(bound(keep: .milliseconds(8_500)).below == id(1_500))
    #expect(bound(keep: .seconds(8)).below == id(1_800))
    #expect(bound(keep: .seconds(9)).below == nil)
    #expect(bound(keep: .seconds(3_600)).below == nil)
  }

  @Test func `of too many bytes half of the excess goes at a time, and never what is not durable`() {
    // 10,000 bytes, of which 4,000 may stay: 60 of 100 entries are too many.
    #expect(bound(keep: .seconds(3_600), keepBytes: 4_000).below == id(1_300))
    #expect(bound(keep: .seconds(3_600), keepBytes: 10_000).below == nil)
    #expect(bound(cursor: id(1_200), keep: .seconds(3_600), keepBytes: 0).below == id(1_200))
    #expect(bound(keep: .seconds(3_600), keepBytes: 0, entryBytes: nil).below == nil)
    // The smaller window wins, whichever that is.
    #expect(bound(keep: .milliseconds(8_300), keepBytes: 4_000).below == id(1_700))
  }

  @Test func `what another group still wants stays, delivered or not`() {
    let reading = LaneGroup(name: "reading", lastDelivered: id(1_400), firstPending: nil)
    #expect(bound(groups: [reading]) == bound(cursor: id(1_400, 1), groups: []).blocked(by: ["reading"]))
    let pending = LaneGroup(name: "pending", lastDelivered: id(1_900), firstPending: id(1_300))
    #expect(bound(groups: [reading, pending]) == bound(cursor: id(1_300)).blocked(by: ["pending", "reading"]))
    let new = LaneGroup(name: "new", lastDelivered: .zero, firstPending: nil)
    #expect(bound(groups: [new]) == bound(cursor: .zero).blocked(by: ["new"]))
    // One that has nothing open holds up nothing.
    #expect(bound(groups: [LaneGroup(name: "done", lastDelivered: id(2_000), firstPending: nil)]) == bound())
  }

  @Test func `our own group and those that are ignored hold up nothing`() {
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
