import Testing
import TidemarkCore

@Suite struct HotRestoreTests {
  private static let known = HotSession(id: "s", entry: EntryID(ms: 10, no: 0), fields: ["status", "completed"], context: ["k", "1"])
  private static let evicted = EvictedSession(
    id: "s", lane: "l", incarnation: 2, epoch: 5, seq: 6, entry: EntryID(ms: 10, no: 0), eventIDs: ["e", "6 5 10-0 -"])

  private func restore(
    known: HotSession? = known, evicted: EvictedSession? = nil, presence: HotPresence = .absent, overwrites: Bool = false,
    lane: LaneRecord? = lane(), isServed: Bool = true
  ) -> HotRestore {
    HotRestore(
      "s", known: known, evicted: evicted, presence: presence, lane: lane, isServed: isServed, overwrites: overwrites)
  }

  private static func lane(incarnation: Int64 = 2) -> LaneRecord {
    LaneRecord(
      laneID: 1, name: "l", shard: 0, fence: 1, incarnation: incarnation, cursor: LaneCursor(position: .zero, appliedNo: 0),
      ordinal: 0, baseline: 0, owner: "me")
  }

  @Test func `an evicted session comes back with its numbers and event ids`() {
    let restore = restore(evicted: Self.evicted)
    #expect(restore.numbering == .goesOn(epoch: 5, seq: 6))
    #expect(restore.eventIDs == ["e", "6 5 10-0 -"])
    #expect(restore.session == Self.known)
    #expect(restore.expected == .absent && restore.incarnation == 2)
  }

  @Test func `a session that Redis lost is numbered anew`() {
    #expect(restore().numbering == .beginsAnew)
    #expect(restore().eventIDs == [])
  }

  @Test func `a session that goes on in Redis keeps its numbers there, whatever was recorded before`() {
    let fresh = FreshSession(entry: EntryID(ms: 20, no: 1), epoch: 19, seq: 2, incarnation: 1)
    let restore = restore(evicted: Self.evicted, presence: .fresh(fresh))
    #expect(restore.numbering == .goesOn(epoch: 19, seq: 2))
    #expect(restore.incarnation == 1 && restore.session.entry == fresh.entry)
    #expect(restore.eventIDs == Self.evicted.eventIDs)
    #expect(restore.expected == .fresh(fresh))
    #expect(restore.session.context == Self.known.context)
  }

  @Test func `a session that nobody knows is made, empty`() {
    let restore = restore(known: nil)
    #expect(restore.session == HotSession(id: "s", fields: ["status", "active"]))
    #expect(restore.numbering == .beginsAnew)
  }

  @Test func `a lane's mark is needed where a worker may still commit what it read before a loss`() {
    #expect(restore().needsMark)
    #expect(!restore(isServed: false).needsMark)
    #expect(!restore(lane: nil).needsMark)
    // Nothing was ever read of such a lane, and it has no mark.
    #expect(!restore(lane: Self.lane(incarnation: 1)).needsMark)
  }

  @Test func `what is in Redis is replaced only where that is wanted`() {
    #expect(!restore(presence: .hot(seq: 1)).overwrites)
    #expect(restore(presence: .hot(seq: 1), overwrites: true).overwrites)
  }
}
