import Testing
import TidemarkCore

@Suite struct EntryPageSizeTests {
  @Test func `a page grows by at most its double, and follows the size of the entries`() {
    var size = EntryPageSize()
    #expect(size.count == 16)
    size.read(entries: 16, bytes: 16 * 100)
    #expect(size.count == 32)
    for _ in 0..<10 { size.read(entries: size.count, bytes: size.count * 100) }
    #expect(size.count == 2_000)
    size.read(entries: 2_000, bytes: 2_000 * 10_000)
    #expect(size.count == 104)
    size.read(entries: 104, bytes: 104 * 32_000_000)
    #expect(size.count == 16)
    size.read(entries: 0, bytes: 0)
    #expect(size.count == 16)
  }
}
