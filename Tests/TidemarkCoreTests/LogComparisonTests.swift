import Testing
import TidemarkCore

@Suite struct LogComparisonTests {
  private static func id(_ ms: UInt64) -> EntryID { EntryID(ms: ms, no: 0) }
  private static func digest(_ number: UInt64) -> ContentDigest { ContentDigest(high: number, low: 0) }

  private static func entry(
    _ ms: UInt64, _ outcome: ExpectedEntry.Outcome = .change, digest number: UInt64? = nil, event: String? = nil
  ) -> ExpectedEntry {
    ExpectedEntry(id: id(ms), outcome: outcome, digest: digest(number ?? ms), session: "s", eventID: event)
  }

  private static func change(_ ms: UInt64, digest number: UInt64? = nil) -> StoredChange {
    StoredChange(id: id(ms), digest: digest(number ?? ms), session: "s")
  }

  private static func trace(_ fill: (inout EntryTrace) -> Void = { _ in }) -> EntryTrace {
    var trace = EntryTrace()
    fill(&trace)
    return trace
  }

  /// The findings of one entry without a change.
  private static func findings(_ entry: ExpectedEntry, _ trace: EntryTrace, changes: [StoredChange] = []) -> [LogComparison.Finding] {
    LogComparison([entry], changes).findings([trace], firstHeld: .zero, furthestBefore: .zero)
  }

  @Test func `an entry with a change of its digest is well, whatever today's rules say`() {
    let comparison = LogComparison([Self.entry(1), Self.entry(2, .letter)], [Self.change(1), Self.change(2)])
    #expect(comparison.suspects == [])
    #expect(comparison.unread.isEmpty)
  }

  @Test func `of an entry that was cut the position alone tells`() {
    let cut = ExpectedEntry(id: Self.id(1), outcome: .letter, digest: nil)
    #expect(LogComparison([cut], [Self.change(1)]).suspects == [])
    #expect(LogComparison([cut], []).suspects.map(\.entry) == [cut])
  }

  @Test func `an ephemeral entry leaves nothing, and a change in its place is different`() {
    let ephemeral = ExpectedEntry(id: Self.id(1), outcome: .nothing, digest: nil)
    #expect(LogComparison([ephemeral], []).suspects == [])
    #expect(Self.findings(ephemeral, Self.trace(), changes: [Self.change(1)]) == [.different(Self.id(1), session: nil)])
  }

  @Test func `an entry that has left no trace is missing`() {
    #expect(Self.findings(Self.entry(1), Self.trace()) == [.missing(Self.id(1), session: "s", isLetter: false)])
    #expect(Self.findings(Self.entry(1, .letter), Self.trace()) == [.missing(Self.id(1), session: "s", isLetter: true)])
  }

  @Test func `a dead letter explains an entry without a change, and one whose position has another content`() {
    #expect(Self.findings(Self.entry(1), Self.trace { $0.isLetter = true }) == [])
    #expect(Self.findings(Self.entry(1), Self.trace { $0.isLetter = true }, changes: [Self.change(1, digest: 9)]) == [])
    #expect(
      Self.findings(Self.entry(1), Self.trace(), changes: [Self.change(1, digest: 9)]) == [.different(Self.id(1), session: "s")])
  }

  @Test func `a duplicate is well, an entry that claimed its event id itself is missing`() {
    let entry = Self.entry(1, event: "e")
    #expect(Self.findings(entry, Self.trace { $0.isSameID = true }) == [])
    #expect(Self.findings(entry, Self.trace { $0.isOwnID = true }) == [.missing(Self.id(1), session: "s", isLetter: false)])
    // The claim of another content makes it a dead letter, which is not there.
    #expect(Self.findings(entry, Self.trace { $0.isOtherID = true }) == [.missing(Self.id(1), session: "s", isLetter: true)])
  }

  @Test func `where the claim of an event id may be forgotten, nothing is said`() {
    let entry = Self.entry(1, event: "e")
    #expect(Self.findings(entry, Self.trace { $0.isCertain = false }) == [])
    #expect(Self.findings(entry, Self.trace { $0.isForgottenID = true }) == [])
    #expect(Self.findings(entry, Self.trace()) == [.missing(Self.id(1), session: "s", isLetter: false)])
    // Without an event id age says nothing.
    #expect(Self.findings(Self.entry(1), Self.trace { $0.isCertain = false }).count == 1)
  }

  @Test func `changes without entries are deleted entries, stretch by stretch`() {
    let comparison = LogComparison([Self.entry(3), Self.entry(7)], (1...9).map { Self.change($0) })
    #expect(
      comparison.findings([], firstHeld: Self.id(1), furthestBefore: .zero) == [
        .deleted(first: Self.id(2), last: Self.id(2), count: 1), .deleted(first: Self.id(4), last: Self.id(6), count: 3),
        .deleted(first: Self.id(8), last: Self.id(9), count: 2),
      ])
  }

  @Test func `what is before the first entry was trimmed, and what is of an earlier incarnation is of another stream`() {
    let comparison = LogComparison([Self.entry(3), Self.entry(7)], (1...9).map { Self.change($0) })
    #expect(
      comparison.findings([], firstHeld: Self.id(3), furthestBefore: Self.id(5)) == [
        .deleted(first: Self.id(6), last: Self.id(6), count: 1), .deleted(first: Self.id(8), last: Self.id(9), count: 2),
      ])
    #expect(comparison.findings([], firstHeld: nil, furthestBefore: .zero) == [])
  }

  @Test func `the digest of a range covers positions, contents and order`() {
    let whole = RangeDigest(of: [Self.entry(1), Self.entry(2)])
    #expect(whole == RangeDigest(of: [(Self.id(1), Self.digest(1)), (Self.id(2), Self.digest(2))]))
    #expect(whole != RangeDigest(of: [(Self.id(1), Self.digest(2)), (Self.id(2), Self.digest(1))]))
    #expect(whole != RangeDigest(of: [Self.entry(1), Self.entry(3, digest: 2)]))
    #expect(whole == RangeDigest(of: [Self.entry(1), Self.entry(2), Self.entry(3, .letter), Self.entry(4, .nothing)]))
  }

  @Test func `a range beyond the ids of the audit trail ends with the last of them`() {
    let last = EntryID(ms: UInt64(Int64.max), no: UInt64(Int64.max))
    #expect(EntryRange(after: Self.id(1), through: .max).inLedger == EntryRange(after: Self.id(1), through: last))
    #expect(EntryRange(after: EntryID(ms: 1 << 63, no: 0), through: .max).inLedger == nil)
    #expect(EntryRange(after: Self.id(1), through: Self.id(1)).inLedger == nil)
    // The range behind the entry before 5-0 begins with 5-0.
    let behind = EntryRange(after: Self.id(5).predecessor, through: Self.id(9))
    #expect(behind.contains(Self.id(5)))
    #expect(behind.inLedger == EntryRange(after: EntryID(ms: 4, no: UInt64(Int64.max)), through: Self.id(9)))
    #expect(Self.id(1).predecessor == EntryID(ms: 0, no: .max))
    #expect(EntryID(ms: 4, no: 2).predecessor == EntryID(ms: 4, no: 1))
    #expect(EntryID.zero.predecessor == .zero)
  }
}
