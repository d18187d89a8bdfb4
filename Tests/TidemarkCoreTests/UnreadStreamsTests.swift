import Testing

@testable import TidemarkCore

@Suite struct UnreadStreamsTests {
  private static let lanes = LaneCatalog(
    prefix: "tidemark", partitions: 4, items: [LaneItem(streams: "tidemark:job*", start: .oldest)])

  @Test func `streams below the prefix that no lane reads are named`() {
    let names = [
      "tidemark:{0}:changes", "tidemark:{3}:changes", "tidemark:{4}:changes", "tidemark:2:changes", "tidemark:{03}:changes",
      "tidemark:{1}:requests", "tidemark:{4}:requests", "tidemark:{0}:change", "tidemark:jobs", "tidemark:old", "tidemark:requests",
    ]
    #expect(
      UnreadStreams.of(names, Self.lanes) { $0 == "tidemark:old" } == [
        "tidemark:2:changes", "tidemark:{03}:changes", "tidemark:{0}:change", "tidemark:{4}:changes", "tidemark:{4}:requests",
      ])
    #expect(UnreadStreams.fix("tidemark:{4}:changes", Self.lanes).contains("tidemark:{N}:changes with N from 0 to 3"))
  }

  @Test func `a stream of a partition that there is not is no lane`() {
    let lanes = LaneCatalog(prefix: "tidemark", partitions: 16)
    #expect(lanes.profile(of: "tidemark:{99}:changes") == nil)
    #expect(lanes.markPlace(of: "tidemark:{99}:changes") == .sharedHash(key: "tidemark:durable"))
    #expect(UnreadStreams.of(["tidemark:{99}:changes", "tidemark:{9}:changes"], lanes) == ["tidemark:{99}:changes"])
  }

  @Test func `where the lanes of the partitions are off, their streams are read by no lane`() {
    let lanes = LaneCatalog(prefix: "tidemark", partitions: nil)
    #expect(UnreadStreams.of(["tidemark:{0}:changes"], lanes) == ["tidemark:{0}:changes"])
    #expect(UnreadStreams.fix("tidemark:{0}:changes", lanes).contains("state.enabled"))
  }

  @Test func `special characters of a prefix are escaped in its pattern`() {
    #expect(UnreadStreams.pattern(KeyNames(prefix: "tidemark")) == "tidemark:*")
    #expect(GlobPattern(UnreadStreams.pattern(KeyNames(prefix: "a[b]*"))).matches("a[b]*:{0}:changes"))
    #expect(!GlobPattern(UnreadStreams.pattern(KeyNames(prefix: "a[b]*"))).matches("ab:{0}:changes"))
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
