import Testing
@testable import TidemarkCore

@Suite struct NumberedChangesTests {
  private static func change(_ seq: Int64, epoch: Int64 = 1, session: String = "s", at ms: UInt64) -> NumberedChanges.Change {
    NumberedChanges.Change(session: session, epoch: epoch, seq: seq, entry: EntryID(ms: ms, no: 0))
  }

  private static func followed(_ changes: [NumberedChanges.Change]) -> NumberedChanges {
    changes.reduce(into: NumberedChanges()) { $0.append($1) }
  }

  @Test func `numbers that follow one another have no hole`() {
    let numbers = Self.followed([Self.change(4, at: 1), Self.change(5, at: 2), Self.change(1, session: "t", at: 3), Self.change(6, at: 4)])
    #expect(numbers.holes == [])
    #expect(numbers.spans.map(\.first.seq) == [4, 1])
    #expect(numbers.spans.map(\.last.seq) == [6, 1])
  }

  @Test func `a hole is named with its numbers and its neighbours`() {
    let numbers = Self.followed([Self.change(4, at: 1), Self.change(9, at: 5)])
    #expect(
      numbers.holes == [
        NumberedChanges.Hole(session: "s", epoch: 1, numbers: 5...8, after: EntryID(ms: 1, no: 0), before: EntryID(ms: 5, no: 0))
      ])
  }

  @Test func `an epoch begins at one`() {
    let well = Self.followed([Self.change(4, at: 1), Self.change(1, epoch: 7, at: 5), Self.change(2, epoch: 7, at: 6)])
    #expect(well.holes == [])
    let late = Self.followed([Self.change(4, at: 1), Self.change(3, epoch: 7, at: 5)])
    #expect(late.holes.map(\.numbers) == [1...2])
    #expect(late.holes.map(\.epoch) == [7])
  }

  @Test func `what repeats a number or comes from an earlier epoch says nothing`() {
    let numbers = Self.followed([
      Self.change(4, epoch: 2, at: 1), Self.change(2, epoch: 2, at: 2), Self.change(90, epoch: 1, at: 3), Self.change(5, epoch: 2, at: 4),
    ])
    #expect(numbers.holes == [])
    #expect(numbers.spans.map(\.last.seq) == [5])
  }

  @Test func `numbers are taken from entries and from changes whose entries are gone, in the order of positions`() {
    func entry(_ ms: UInt64, _ seq: Int64?) -> ExpectedEntry {
      ExpectedEntry(id: EntryID(ms: ms, no: 0), outcome: .change, digest: nil, session: "s", epoch: seq == nil ? nil : 1, seq: seq)
    }
    let gone = StoredChange(id: EntryID(ms: 2, no: 0), digest: nil, session: "s", epoch: 1, seq: 2)
    #expect(NumberedChanges([entry(1, 1), entry(3, 3), entry(4, nil)], unread: [gone]).holes == [])
    #expect(NumberedChanges([entry(1, 1), entry(3, 3)], unread: []).holes.map(\.numbers) == [2...2])
  }

  @Test func `sessions are told apart by their bytes`() {
    // The same character, composed and decomposed.
    let numbers = Self.followed([Self.change(1, session: "\u{E9}", at: 1), Self.change(9, session: "e\u{301}", at: 2)])
    #expect(numbers.holes == [])
    #expect(numbers.spans.count == 2)
  }
}
