import Testing

@testable import TidemarkCore

@Suite struct LaneCatalogTests {
  private static let lanes = LaneCatalog(
    prefix: "tidemark", partitions: 16,
    items: [
      LaneItem(streams: "orders", start: .newest), LaneItem(streams: "job:*", start: .after(EntryID(ms: 5, no: 0))),
      LaneItem(streams: "tidemark:{3}:changes", start: .newest),
    ])

  @Test func `a partition's lane is Tidemark's own`() throws {
    let profile = try #require(Self.lanes.profile(of: "tidemark:{3}:changes"))
    #expect(profile.partition == SessionPartition(number: 3, count: 16))
    #expect(profile.shard == 3)
    #expect(profile.item == nil)
    #expect(profile.start == .oldest)
    #expect(profile.isServedWithoutStream)
    #expect(profile.trimsStream)
    #expect(profile.publishesPressure)
    #expect(profile.metricLabel == "tidemark:{3}:changes")
    let keys = try #require(profile.markPlace.keys)
    #expect(profile.markPlace.hash == "tidemark:{3}:lane")
    #expect(keys.rejected == "tidemark:{3}:rejected")
    #expect(keys.durableChannel == "tidemark:{3}:durable")
    #expect(keys.requests == "tidemark:{3}:requests")
  }

  @Test func `a stream that the configuration names is somebody else's, and served whether or not it is there`() throws {
    let profile = try #require(Self.lanes.profile(of: "orders"))
    #expect(profile.role == .stream)
    #expect(profile.partition == nil)
    #expect(profile.item == "orders")
    #expect(profile.start == .newest)
    #expect(profile.isServedWithoutStream)
    #expect(!profile.trimsStream)
    #expect(!profile.publishesPressure)
    #expect(profile.markPlace == .sharedHash(key: "tidemark:durable"))
    #expect(profile.metricLabel == "orders")
  }

  @Test func `a stream of a pattern comes and goes, and is counted under the pattern`() throws {
    let profile = try #require(Self.lanes.profile(of: "job:7"))
    #expect(profile.role == .stream)
    #expect(profile.item == "job:*")
    #expect(profile.start == .after(EntryID(ms: 5, no: 0)))
    #expect(!profile.isServedWithoutStream)
    #expect(!profile.trimsStream)
    #expect(profile.markPlace.hash == "tidemark:durable")
    #expect(profile.metricLabel == "job:*")
    #expect(profile.shard == Shard.of("job:7"))
  }

  @Test func `what no setting names is no lane, and marks of it are where those of streams are`() {
    #expect(Self.lanes.profile(of: "other") == nil)
    #expect(Self.lanes.profile(of: "job:*x")?.item == "job:*")
    #expect(Self.lanes.markPlace(of: "other").hash == "tidemark:durable")
    #expect(Self.lanes.shard(of: "other") == Shard.of("other"))
    #expect(LaneCatalog(prefix: "tidemark", partitions: nil).profile(of: "tidemark:{3}:changes") == nil)
    #expect(Self.lanes.with(items: []).profile(of: "orders") == nil)
    #expect(Self.lanes.with(items: []).profile(of: "tidemark:{3}:changes") == Self.lanes.profile(of: "tidemark:{3}:changes"))
  }

  @Test func `lanes are told apart by whether they have a name of their own`() {
    let lanes = LaneCatalog(
      prefix: "t", partitions: 2, items: [LaneItem(streams: "orders", start: .oldest), LaneItem(streams: "job:*", start: .oldest)])
    #expect(lanes.partitionLanes == ["t:{0}:changes", "t:{1}:changes"])
    #expect(lanes.namedLanes == ["orders", "t:{0}:changes", "t:{1}:changes"])
    #expect(lanes.patterns == ["job:*"])
    #expect(lanes.namesAndPatterns == ["orders", "job:*", "t:{0}:changes", "t:{1}:changes"])
    #expect(lanes.keys.config == "t:config")
  }

  @Test func `a lane that is reconfigured is what the settings say now`() {
    var scheduler = LaneScheduler(
      limits: FlowLimits(
        maxEntries: 10, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 10, haltAfterDeadLetters: 10,
        haltBackoff: .seconds(1)))
    scheduler.acquire(.named("job:7"), as: .stream("job:7"))
    #expect(scheduler.lanes["job:7"]?.profile.item == "job:7")
    if let profile = Self.lanes.profile(of: "job:7") { scheduler.reconfigure("job:7", as: profile) }
    #expect(scheduler.lanes["job:7"]?.profile.item == "job:*")
  }
}
