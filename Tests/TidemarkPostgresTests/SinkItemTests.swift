import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// Items of `lanes` and when they took effect.
@Suite struct SinkItemTests {
  private static func item(_ lanes: [String], position: UInt64 = 5, unmeasured: [String] = []) -> NewItem {
    NewItem(
      streams: "job:*", start: .newest,
      lanes: lanes.map { NewLane(name: $0, shard: Shard.of($0), position: EntryID(ms: position, no: 1), baseline: 7) },
      unmeasured: unmeasured)
  }

  @Test func `an item takes effect once, with its lanes`() async throws {
    try await withSink { sink in
      let before = try await sink.sink.itemsInEffect(["job:*"])
      #expect(before == [])
      #expect(try await sink.sink.putInEffect(Self.item(["job:1", "job:2"], unmeasured: ["job:3", "job:4"]), by: SinkFixture.worker))
      #expect(try await sink.lane("job:1").cursor.position == EntryID(ms: 5, no: 1))
      #expect(try await sink.lane("job:2").baseline == 7)
      #expect(try await sink.sink.putInEffect(Self.item(["job:1", "job:9"], position: 99), by: SinkFixture.worker) == false)
      #expect(try await sink.lane("job:1").cursor.position == EntryID(ms: 5, no: 1))
      #expect(try await sink.sink.lanes(named: ["job:9"]) == [])
      #expect(
        try await sink.sink.itemsInEffect(["job:*", "other"]) == [ItemInEffect(streams: "job:*", unmeasured: ["job:3", "job:4"])])
      #expect(try await sink.rows("select streams, start, worker from tide.lane_items") == [["job:*", "newest", "w1"]])
    }
  }

  @Test func `an item that finds nothing is in effect, and leaves lanes alone that are known`() async throws {
    try await withSink(lanes: ["job:1"]) { sink in
      let isFirst = try await sink.sink.putInEffect(Self.item(["job:1"]), by: SinkFixture.worker)
      #expect(isFirst)
      #expect(try await sink.lane("job:1").cursor.position == .zero)
      #expect(try await sink.sink.putInEffect(NewItem(streams: "none:*", start: .oldest), by: SinkFixture.worker))
      #expect(try await sink.sink.itemsInEffect(["none:*"]) == [ItemInEffect(streams: "none:*")])
    }
  }

  @Test func `of two workers that put an item in effect at the same time one does`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      async let first = sink.sink.putInEffect(Self.item(["job:1"], position: 5), by: SinkFixture.worker)
      async let second = other.putInEffect(Self.item(["job:1"], position: 6), by: WorkerIdentity(name: "w2", host: "there", pid: 2))
      let taken = try await [first, second]
      #expect(taken.count { $0 } == 1)
      #expect(try await sink.one("select count(*) from tide.lane_items") == "1")
    }
  }
}
