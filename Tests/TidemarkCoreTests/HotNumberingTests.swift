import Testing
import TidemarkCore

@Suite struct HotNumberingTests {
  private static let entry = EntryID(ms: 1_000, no: 2)

  private func evicted(in incarnation: Int64?) -> EvictedSession {
    EvictedSession(id: "s", lane: "l", incarnation: incarnation, epoch: 900, seq: 7, entry: Self.entry)
  }

  @Test func `the numbering of an evicted session goes on where it stood`() {
    #expect(HotNumbering(after: evicted(in: 3), latest: Self.entry, incarnation: 3) == .goesOn(epoch: 900, seq: 7))
    // An outcome is not among what Postgres has of the state, so its latest entry may be before the last change.
    #expect(HotNumbering(after: evicted(in: 3), latest: EntryID(ms: 999, no: 0), incarnation: 3) == .goesOn(epoch: 900, seq: 7))
  }

  @Test func `it begins anew where changes may have followed`() {
    #expect(HotNumbering(after: nil, latest: Self.entry, incarnation: 3) == .beginsAnew)
    #expect(HotNumbering(after: evicted(in: 3), latest: EntryID(ms: 1_000, no: 3), incarnation: 3) == .beginsAnew)
    #expect(HotNumbering(after: evicted(in: 3), latest: Self.entry, incarnation: 4) == .beginsAnew)
    #expect(HotNumbering(after: evicted(in: 4), latest: Self.entry, incarnation: 3) == .beginsAnew)
    #expect(HotNumbering(after: evicted(in: nil), latest: Self.entry, incarnation: 3) == .beginsAnew)
  }

  @Test func `an evicted session is whole in the ledger up to its last change, unless its server was promoted since`() {
    var evicted = evicted(in: 3)
    #expect(evicted.isWhole(at: Self.entry, history: "b"))
    #expect(!evicted.isWhole(at: EntryID(ms: 1_000, no: 1), history: nil))
    evicted.history = "a"
    #expect(evicted.isWhole(at: Self.entry, history: "a"))
    #expect(evicted.isWhole(at: Self.entry, history: nil))
    #expect(!evicted.isWhole(at: EntryID(ms: 2_000, no: 0), history: "b"))
  }

  @Test func `a lane's first incarnation follows the time before its first mark`() {
    #expect(HotNumbering(after: evicted(in: 0), latest: Self.entry, incarnation: 1) == .goesOn(epoch: 900, seq: 7))
    #expect(HotNumbering(after: evicted(in: 0), latest: Self.entry, incarnation: 2) == .beginsAnew)
  }
}
