import Testing
import TidemarkCore

@testable import TidemarkPostgres

/// What operators tune is stored as one change or not at all, with its history.
/// Bounded, because who is not notified waits forever.
@Suite(.timeLimit(.minutes(5))) struct TuningStoreTests {
  private static let entries = TunedSetting.Place(key: "batch.max_entries")
  private static let delay = TunedSetting.Place(lanes: "orders:*", key: "batch.max_delay")

  private func withStore(_ body: (SinkFixture, TuningStore) async throws -> Void) async throws {
    try await withSink { sink in try await body(sink, try TuningStore(sink: sink.sink, schema: SinkFixture.schema)) }
  }

  @Test func `a change is stored with who, why and what was before, and the next one builds on it`() async throws {
    try await withStore { sink, store in
      #expect(try await store.latest() == 0)
      #expect(try await store.tuning() == [])
      let both = [TuningWish(place: Self.entries, value: "10"), TuningWish(place: Self.delay, value: "5ms")]
      #expect(try await store.change(both, by: "ana@db1", why: "too slow", after: 0) == 1)
      #expect(try await store.change([TuningWish(place: Self.entries, value: "20")], by: "bo@db1", why: nil, after: 1) == 2)
      let rows = try await store.tuning()
      #expect(rows.map(\.place) == [Self.delay, Self.entries])
      #expect(rows.map(\.value) == ["5ms", "20"] && rows.map(\.change) == [1, 2])
      #expect(rows.map(\.by) == ["ana@db1", "bo@db1"] && rows.map(\.why) == ["too slow", nil])
      #expect(rows.allSatisfy { $0.at.hasSuffix("Z") })
      let history = try await store.history(10)
      #expect(history.map(\.change) == [2, 1, 1])
      #expect(history.map(\.from) == ["10", nil, nil] && history.map(\.to) == ["20", "10", "5ms"])
      #expect(try await store.history(1).count == 1)
      #expect(try await sink.one("select count(*) from tide.tuning") == "2")
    }
  }

  @Test func `a change that was checked against older settings changes nothing`() async throws {
    try await withStore { sink, store in
      _ = try await store.change([TuningWish(place: Self.entries, value: "10")], by: "ana", why: nil, after: 0)
      #expect(try await store.change([TuningWish(place: Self.entries, value: "20")], by: "bo", why: nil, after: 0) == nil)
      #expect(try await store.tuning().map(\.value) == ["10"])
      #expect(try await sink.one("select count(*) from tide.tuning_history") == "1")
    }
  }

  @Test func `of many changes at the same time each that is made has a number of its own`() async throws {
    try await withStore { sink, _ in
      let numbers = try await withThrowingTaskGroup(of: Int64?.self) { group in
        for value in 1...8 {
          let store = try TuningStore(sink: try SinkFixture.makeSink(sink.server), schema: SinkFixture.schema)
          group.addTask { try await store.change([TuningWish(place: Self.entries, value: "\(value)")], by: "w", why: nil, after: 0) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(numbers.compactMap(\.self) == [1])
      #expect(try await sink.one("select count(*) from tide.tuning_history") == "1")
    }
  }

  @Test func `a reset and an undo are on record, and a reset keeps who made it`() async throws {
    try await withStore { _, store in
      _ = try await store.change([TuningWish(place: Self.entries, value: "10")], by: "ana", why: nil, after: 0)
      _ = try await store.change([TuningWish(place: Self.entries, value: nil)], by: "bo", why: "calm", undoing: 1, after: 1)
      let row = try #require(try await store.tuning().first)
      #expect(row.value == nil && row.by == "bo" && row.why == "calm" && row.change == 2)
      #expect(try await store.history(1).first?.undoes == 1)
      #expect(TuningUndo(try await store.history(10)) == nil)
    }
  }

  @Test func `recent transactions are counted by their time, and old ones are not`() async throws {
    try await withStore { sink, store in
      _ = try await sink.one(
        """
        insert into tide.change_log (lane_id, no, entry_ms, entry_no, type, occurred_at, committed_at, digest)
        select l.lane_id, n, n, 0, 'x', now(), now() - make_interval(secs => case when n <= 10 then 3600 else n / 5 end), '' 
          from tide.lanes l, generate_series(1, 31) n
        """)
      let measure = try await store.recentBatches(of: ["one"], fullAt: 5)
      // The numbers 11 to 14, then three times five, then 30 and 31.
      #expect(measure == BatchMeasure(transactions: 5, full: 3, entries: 21, seconds: 4, waiting: nil))
      #expect(
        try await store.recentBatches(of: ["none"], fullAt: 5)
          == BatchMeasure(transactions: 0, full: 0, entries: 0, seconds: 0, waiting: nil))
    }
  }

  @Test func `workers are notified of a change`() async throws {
    try await withStore { sink, store in
      let news = try sink.sink.makeLeaseNews()
      try await news.next()
      async let heard: Void = news.next()
      _ = try await store.change([TuningWish(place: Self.entries, value: "10")], by: "ana", why: nil, after: 0)
      try await heard
      await news.close()
    }
  }

  @Test func `what a worker refuses is on its row`() async throws {
    try await withStore { sink, _ in
      try await sink.sink.note(notInForce: nil, tuningRefused: "tune: x is not a setting", of: SinkFixture.worker)
      let status = try StatusStore(sink: sink.sink, schema: SinkFixture.schema)
      #expect(try await status.workers(leaseTTL: .seconds(600)).map(\.tuningRefused) == ["tune: x is not a setting"])
      try await sink.sink.note(notInForce: nil, tuningRefused: nil, of: SinkFixture.worker)
      #expect(try await status.workers(leaseTTL: .seconds(600)).map(\.tuningRefused) == [nil])
    }
  }
}
