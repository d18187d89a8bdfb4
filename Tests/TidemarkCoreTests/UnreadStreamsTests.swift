import Testing

@testable import TidemarkCore

@Suite struct UnreadStreamsTests {
  private static let builtIn = BuiltInLanes(prefix: "tidemark", partitions: 4)

  @Test func `streams below the prefix that no lane reads are named`() {
    let names = [
      "tidemark:{0}:changes", "tidemark:{3}:changes", "tidemark:{4}:changes", "tidemark:2:changes", "tidemark:{03}:changes",
      "tidemark:{1}:requests", "tidemark:{4}:requests", "tidemark:{0}:change", "tidemark:jobs",
    ]
    #expect(
      UnreadStreams.of(names, Self.builtIn) { $0 == "tidemark:jobs" } == [
        "tidemark:2:changes", "tidemark:{03}:changes", "tidemark:{0}:change", "tidemark:{4}:changes", "tidemark:{4}:requests",
      ])
    #expect(UnreadStreams.fix("tidemark:{4}:changes", Self.builtIn).contains("tidemark:{N}:changes with N from 0 to 3"))
  }

  @Test func `special characters of a prefix are escaped in its pattern`() {
    #expect(UnreadStreams.pattern("tidemark") == "tidemark:*")
    #expect(GlobPattern(UnreadStreams.pattern("a[b]*")).matches("a[b]*:{0}:changes"))
    #expect(!GlobPattern(UnreadStreams.pattern("a[b]*")).matches("ab:{0}:changes"))
  }
}

@Suite struct UnknownTypesTests {
  @Test func `the nearest known type is suggested for a misspelt one`() {
    #expect(UnknownTypes.nearest(to: "message.append") == "message.appended")
    #expect(UnknownTypes.nearest(to: "context.sets") == "context.set")
    #expect(UnknownTypes.nearest(to: "billing.charged") == nil)
  }

  @Test func `types are counted by name up to a number, and returned once`() {
    var types = UnknownTypes()
    for number in 0..<UnknownTypes.most { #expect(types.count("t\(number)", 1) == "t\(number)") }
    #expect(types.count("one more", 2) == UnknownTypes.others)
    #expect(types.count("t0", 2) == "t0")
    let taken = types.take()
    #expect(taken.count == UnknownTypes.most + 1)
    #expect(taken["t0"] == 3)
    #expect(taken[UnknownTypes.others] == 2)
    #expect(types.take().isEmpty)
  }
}
