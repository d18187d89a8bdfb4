import Testing

@testable import TidemarkCore

@Suite struct LibraryVerdictTests {
  private static func verdict(_ version: Int?, prefix: String? = "a.b") -> LibraryVerdict {
    LibraryVerdict(.init(version: version, prefix: prefix), version: 3, prefix: "a.b")
  }

  @Test func `a missing or older library is installed, a newer one is never replaced`() {
    #expect(LibraryVerdict(nil, version: 3, prefix: "a.b") == .install(over: nil))
    #expect(Self.verdict(2) == .install(over: 2))
    #expect(Self.verdict(3) == .current)
    #expect(Self.verdict(4) == .newer(4))
    #expect(Self.verdict(2, prefix: nil) == .install(over: 2))
  }

  @Test func `a library of another prefix or of another program is never replaced`() {
    for version in 1...4 { #expect(Self.verdict(version, prefix: "a_b") == .refused(.otherPrefix("a_b"))) }
    #expect(Self.verdict(nil, prefix: nil) == .refused(.foreign))
  }
}
