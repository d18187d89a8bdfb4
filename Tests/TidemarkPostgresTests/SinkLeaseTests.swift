import Logging
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// Bounded, because who is not told waits for ever.
@Suite(.timeLimit(.minutes(5))) struct SinkLeaseTests {
  private static let second = WorkerIdentity(name: "w2", host: "there", pid: 2)
  private static let ttl = Duration.seconds(600)

  @Test func `what is wanted is taken as far as it is free, and nothing else`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      try await sink.sink.release([3, 4, 5], of: SinkFixture.worker)
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      let taken = try await other.take([2, 3, 4], for: Self.second, ttl: Self.ttl)
      #expect(taken.shards == [3: 2, 4: 2])
      #expect(try await other.take([2, 3, 4], for: Self.second, ttl: Self.ttl) == LeaseGrant())
      #expect(try await other.renew(Self.second, canServe: true, for: Self.ttl) == taken)
      #expect(try await sink.one("select count(*) from tide.leases where worker is null") == "1")
    }
  }

  @Test func `only one's own shards can be given back, and their lanes are unowned then`() async throws {
    try await withSink(lanes: ["one", "two"]) { sink in
      let shard = try await sink.lane("one").shard
      try await sink.sink.release(Array(0..<Shard.count), of: Self.second)
      #expect(try await sink.one("select count(worker) from tide.leases") == "64")
      try await sink.sink.release([shard], of: SinkFixture.worker)
      #expect(try await sink.rows("select shard from tide.leases where worker is null") == [["\(shard)"]])
      let lanes = try await sink.rows("select lane, owner, state from tide.lanes order by lane")
      #expect(lanes == [["one", nil, "unowned"], ["two", "w1", "idle"]])
    }
  }

  @Test func `rows that miss that their shard has changed hands are reclaimed by whoever holds it, and by nobody else`() async throws {
    try await withSink(lanes: ["one", "two", "three"]) { sink in
      let other = try SinkFixture.makeSink(sink.server)
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      let before = try await sink.lane("one")
      _ = try await sink.one("update tide.lanes set owner = null where lane = 'one'")
      _ = try await sink.one("update tide.lanes set owner = 'w0' where lane = 'two'")
      #expect(try await other.reclaim(["one", "two", "three"], for: Self.second) == [])
      let reclaimed = try await sink.sink.reclaim(["one", "two"], for: SinkFixture.worker)
      #expect(reclaimed.map(\.name).sorted() == ["one", "two"])
      let after = try await sink.lane("one")
      #expect(after.owner == "w1" && after.fence > before.fence && after.cursor == before.cursor)
      let untouched = try await sink.lane("three")
      #expect(try await sink.sink.reclaim(["three"], for: SinkFixture.worker) == [untouched])
    }
  }

  @Test func `the table shows holders, what is free, where lanes are, and who lives`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      let shard = try await sink.lane().shard
      let free = (shard + 1) % Shard.count
      try await sink.sink.release([free], of: SinkFixture.worker)
      _ = try await other.renew(Self.second, canServe: false, for: Self.ttl)
      let table = try await other.leases(within: Self.ttl)
      #expect(Set(table.shards.map(\.shard)) == Set(0..<Shard.count))
      #expect(table.shards.filter(\.hasLanes).map(\.shard) == [shard])
      #expect(table.shards.filter(\.isFree).map(\.shard) == [free])
      #expect(Set(table.shards.map(\.holder)) == ["w1", nil])
      #expect(
        table.workers.sorted { $0.name < $1.name } == [LiveWorker(name: "w1", canServe: true), LiveWorker(name: "w2", canServe: false)])
    }
  }

  @Test func `a worker that was not seen for longer than the time to live does not live, and after an hour it is forgotten`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      _ = try await sink.one("update tide.workers set seen_at = now() - interval '601 s' where worker = 'w1'")
      #expect(try await other.leases(within: Self.ttl).workers.map(\.name) == ["w2"])
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      #expect(try await sink.one("select count(*) from tide.workers") == "2")
      _ = try await sink.one("update tide.workers set seen_at = now() - interval '61 minutes' where worker = 'w1'")
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      #expect(try await sink.rows("select worker from tide.workers") == [["w2"]])
    }
  }

  @Test func `a worker whose backend ended does not live, unless it ended with its server`() async throws {
    try await withSink { sink in
      let other = try SinkFixture.makeSink(sink.server)
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      let pid = try #require(try await sink.one("select backend_pid from tide.workers where worker = 'w1'"))
      try await sink.server.adminPsql("select pg_terminate_backend(\(pid), 10000)")
      var table = try await other.leases(within: Self.ttl)
      #expect(table.workers.map(\.name) == ["w2"])
      #expect(table.shards.filter(\.isFree) == table.shards)

      _ = try await sink.one("update tide.workers set backend_started = pg_postmaster_start_time() - interval '1 s' where worker = 'w1'")
      table = try await other.leases(within: Self.ttl)
      #expect(Set(table.workers.map(\.name)) == ["w1", "w2"])
      #expect(table.shards.filter(\.isFree) == [])
      #expect(try await other.take(Array(0..<Shard.count), for: Self.second, ttl: Self.ttl) == LeaseGrant())
    }
  }

  @Test func `who comes, changes, gives back or leaves is heard`() async throws {
    try await withSink { sink in
      let news = try sink.sink.makeLeaseNews()
      // It has just begun to listen.
      try await news.next()
      let other = try SinkFixture.makeSink(sink.server)
      _ = try await other.renew(Self.second, canServe: true, for: Self.ttl)
      try await news.next()
      _ = try await other.renew(Self.second, canServe: false, for: Self.ttl)
      try await news.next()
      // It may have been taken for dead.
      _ = try await SinkFixture.makeSink(sink.server).renew(Self.second, canServe: false, for: Self.ttl)
      try await news.next()
      try await sink.sink.release([1], of: SinkFixture.worker)
      try await news.next()
      try await other.leave(Self.second)
      try await news.next()
      await news.close()
    }
  }

  @Test func `a listener whose connection is lost says so, and listens again`() async throws {
    try await withSink { sink in
      let news = try sink.sink.makeLeaseNews()
      try await news.next()
      let waiting = Task { try await news.next() }
      try await waitUntil("its backend is ended") {
        try await sink.server.adminPsql(
          """
          select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity
           where query = 'LISTEN "tide"' and datname = '\(sink.server.database)'
          """
        ) == "1"
      }
      _ = try await sinkFailure { try await waiting.value }
      try await news.next()
      try await sink.sink.release([1], of: SinkFixture.worker)
      try await news.next()
      await news.close()
    }
  }

  @Test func `a cancelled listener stops waiting`() async throws {
    try await withSink { sink in
      let news = try sink.sink.makeLeaseNews()
      try await news.next()
      for _ in 0..<20 {
        let waiting = Task { try await news.next() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
      }
      try await sink.sink.release([1], of: SinkFixture.worker)
      try await news.next()
      await news.close()
    }
  }
}
