import Testing
import TidemarkTestKit

@testable import TidemarkCore

@Suite struct ByteStringSetTests {
  private static func insert(_ text: String, into set: inout ByteStringSet) -> (number: Int, isNew: Bool) {
    Array(text.utf8).withUnsafeBytes { set.insert($0) }
  }

  @Test func `strings are numbered by first insertion and ranked by their bytes, as by a dictionary and a sort`() {
    for seed in 0..<20 {
      var random = SeededGenerator(seed: UInt64(seed))
      var set = ByteStringSet()
      var model: [String: Int] = [:]
      for _ in 0..<random.below(2000) {
        let text = String(repeating: "é", count: random.below(3)) + "\(random.below(400))"
        let found = Self.insert(text, into: &set)
        #expect(found.isNew == (model[text] == nil))
        if found.isNew { model[text] = model.count }
        #expect(found.number == model[text])
      }
      #expect(set.count == model.count)
      let names = model.sorted { $0.value < $1.value }.map(\.key)
      for (number, name) in names.enumerated() { #expect(Array(set.bytes[set[number]]) == Array(name.utf8)) }
      let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      #expect(set.ranks().map { sorted[Int($0)] } == names)
    }
  }

  @Test func `a string that was never inserted is not contained, and none is after removeAll`() {
    var set = ByteStringSet()
    #expect(!Array("a".utf8).withUnsafeBytes { set.contains($0) })
    _ = Self.insert("a", into: &set)
    _ = Self.insert("", into: &set)
    #expect(["a", ""].allSatisfy { text in Array(text.utf8).withUnsafeBytes { set.contains($0) } })
    #expect(!Array("b".utf8).withUnsafeBytes { set.contains($0) })
    set.removeAll()
    #expect(set.count == 0)
    #expect(!Array("a".utf8).withUnsafeBytes { set.contains($0) })
  }
}
