import Testing
import TidemarkCore

@Suite struct GlobPatternTests {
  /// Compares all pairs of patterns of up to three characters with a transcript of Redis' own matcher. Two patterns that have a name in
  /// common have one that is not longer than both together, so names of up to six characters are enough.
  @Test func `overlap is exact for all short patterns`() {
    let patterns = words(over: Array("ab?*".utf8), upTo: 3)
    let names = words(over: Array("ab".utf8), upTo: 6)
    check(patterns, names)
  }

  @Test func `overlap is exact for sets and escapes`() {
    var patterns: [[UInt8]] = []
    let pieces = ["a", "*", "?", "[ab]", "[^a]", "[]", "[^]", "[b-a]", "[a-c]", "\\a", "\\*", "[\\]]", "]", "c"].map { Array($0.utf8) }
    for first in pieces {
      patterns.append(first)
      // A backslash escapes the next character, so a single one can only be the last.
      patterns.append(first + [UInt8(ascii: "\\")])
      for second in pieces { patterns.append(first + second) }
    }
    check(patterns, words(over: Array("abc]*\\z".utf8), upTo: 3))
  }

  @Test func `unclosed sets are recognised`() {
    #expect(GlobPattern("a[b]").isWellFormed)
    #expect(GlobPattern("a\\[b").isWellFormed)
    #expect(!GlobPattern("a[b").isWellFormed)
    // Redis reads `b-]` as a range, so the set is not closed.
    #expect(!GlobPattern("a[b-]").isWellFormed)
  }

  @Test func `patterns with many runs cost no more than the product of their lengths`() {
    let long = String(repeating: "*a", count: 200)
    #expect(GlobPattern(long + "b").overlaps(GlobPattern(long + "*b")))
    #expect(!GlobPattern(long + "b").overlaps(GlobPattern(long + "c")))
  }

  @Test func `names that are not patterns overlap only with themselves`() {
    #expect(GlobPattern(literal: "a*").overlaps(GlobPattern("a\\*")))
    #expect(!GlobPattern(literal: "a*").overlaps(GlobPattern("ab")))
    #expect(GlobPattern("").overlaps(GlobPattern("*")))
    #expect(GlobPattern("caf?\u{e9}").overlaps(GlobPattern("*")))
  }

  private func check(_ patterns: [[UInt8]], _ names: [[UInt8]]) {
    // Each name is one bit: two patterns overlap when they share a bit.
    let matched = patterns.map { pattern in
      var bits = [UInt64](repeating: 0, count: names.count / 64 + 1)
      for (index, name) in names.enumerated() where redisMatches(pattern[...], name[...]) { bits[index / 64] |= 1 << (index % 64) }
      return bits
    }
    let parsed = patterns.map { GlobPattern(String(decoding: $0, as: UTF8.self)) }
    var wrong: [String] = []
    for left in patterns.indices {
      for right in left..<patterns.count {
        let expected = matched[left].indices.contains { matched[left][$0] & matched[right][$0] != 0 }
        if parsed[left].overlaps(parsed[right]) != expected || parsed[right].overlaps(parsed[left]) != expected {
          wrong.append("\(String(decoding: patterns[left], as: UTF8.self)) \(String(decoding: patterns[right], as: UTF8.self))")
        }
      }
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(10))")
  }

  private func words(over letters: [UInt8], upTo length: Int) -> [[UInt8]] {
    var all: [[UInt8]] = [[]]
    var last = all
    for _ in 0..<length {
      last = last.flatMap { word in letters.map { word + [$0] } }
      all += last
    }
    return all
  }

  /// Repeats `stringmatchlen_impl` of Redis 7's `util.c`, case-sensitive.
  private func redisMatches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
    var pattern = pattern
    var name = name
    while let head = pattern.first, !name.isEmpty {
      switch head {
      case UInt8(ascii: "*"):
        while pattern.dropFirst().first == UInt8(ascii: "*") { pattern.removeFirst() }
        if pattern.count == 1 { return true }
        while true {
          if redisMatches(pattern.dropFirst(), name) { return true }
          if name.isEmpty { return false }
          name.removeFirst()
        }
      case UInt8(ascii: "?"):
        name.removeFirst()
      case UInt8(ascii: "["):
        pattern.removeFirst()
        let isInverted = pattern.first == UInt8(ascii: "^")
        if isInverted { pattern.removeFirst() }
        var isMatch = false
        while true {
          guard let member = pattern.first, let wanted = name.first else { break }
          if member == UInt8(ascii: "\\"), pattern.count >= 2 {
            pattern.removeFirst()
            if pattern.first == wanted { isMatch = true }
          } else if member == UInt8(ascii: "]") {
            break
          } else if pattern.count >= 3, pattern[pattern.startIndex + 1] == UInt8(ascii: "-") {
            let end = pattern[pattern.startIndex + 2]
            pattern = pattern.dropFirst(2)
            if wanted >= min(member, end), wanted <= max(member, end) { isMatch = true }
          } else if member == wanted {
            isMatch = true
          }
          pattern.removeFirst()
        }
        if isMatch == isInverted { return false }
        name.removeFirst()
      default:
        if head == UInt8(ascii: "\\"), pattern.count >= 2 { pattern.removeFirst() }
        if pattern.first != name.first { return false }
        name.removeFirst()
      }
      pattern = pattern.dropFirst()
      if name.isEmpty {
        while pattern.first == UInt8(ascii: "*") { pattern.removeFirst() }
        break
      }
    }
    return pattern.allSatisfy { $0 == UInt8(ascii: "*") } && name.isEmpty
  }
}
