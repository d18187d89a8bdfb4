import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct EntryIDTests {
  @Test(
    arguments: [
      ("0-0", 0, 0), ("1-2", 1, 2), ("7", 7, 0), ("007-010", 7, 10), ("1795389463124-98", 1_795_389_463_124, 98),
      ("18446744073709551615-18446744073709551615", UInt64.max, UInt64.max),
    ] as [(String, UInt64, UInt64)])
  func `an id is read from its text`(text: String, ms: UInt64, no: UInt64) {
    #expect(EntryID(text) == EntryID(ms: ms, no: no))
    #expect(EntryID(utf8: text.utf8) == EntryID(ms: ms, no: no))
  }

  @Test(arguments: [
    "", "-", "1-", "-1", "1-2-3", "1--2", " 1-2", "1-2 ", "+1-2", "a-1", "1-a", "0x1-0", "18446744073709551616-0",
    "1-18446744073709551616", "99999999999999999999999-0", "١-٢", "1_000-0", "1.0-0",
  ])
  func `other texts are not ids`(text: String) {
    #expect(EntryID(text) == nil)
  }

  @Test func `every id comes back from its own text`() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      let id = EntryID(ms: random.next() >> random.below(64), no: random.next() >> random.below(64))
      #expect(EntryID(id.description) == id)
    }
  }

  @Test func `every id has its own numbers in the ledger, and ids that are applied keep their order there`() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2_000 {
      let ids = (0..<2).map { _ in EntryID(ms: random.next() >> random.below(3), no: random.next() >> random.below(3)) }
      for id in ids { #expect(EntryID(ledgerMS: id.ledgerMS, ledgerNo: id.ledgerNo) == id) }
      guard ids.allSatisfy(\.fitsLedger) else { continue }
      #expect((ids[0] < ids[1]) == ((ids[0].ledgerMS, ids[0].ledgerNo) < (ids[1].ledgerMS, ids[1].ledgerNo)))
    }
    #expect(EntryID(ms: 5, no: 7).ledgerMS == 5)
    #expect(EntryID(ms: .max, no: 1 << 63).ledgerMS == -1)
  }

  @Test func `ids are ordered as two numbers and never as text`() {
    #expect(EntryID(ms: 9, no: 1) < EntryID(ms: 10, no: 0))
    #expect(EntryID(ms: 1, no: 9) < EntryID(ms: 1, no: 10))
    #expect(EntryID.zero < EntryID(ms: 0, no: 1))
    var random = SeededGenerator(seed: 2)
    for _ in 0..<2_000 {
      let left = EntryID(ms: UInt64(random.below(4)), no: UInt64(random.below(12)))
      let right = EntryID(ms: UInt64(random.below(4)), no: UInt64(random.below(12)))
      #expect((left < right) == ((left.ms, left.no) < (right.ms, right.no)))
      #expect((left == right) == (!(left < right) && !(right < left)))
    }
  }
}
