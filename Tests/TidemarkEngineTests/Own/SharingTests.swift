import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// Several workers over one ledger in memory. Leases last an hour, so that only what the workers tell each other moves anything.
@Suite struct SharingTests {
  private let sink = MemorySink()
  private let source = MemorySource()
  private let lanes = (0..<20).map { "lane-\($0)" }

  private func withWorker(
    _ name: String, source: MemorySource? = nil, ttl: Duration = .seconds(3600), _ body: (Worker) async throws -> Void
  ) async throws {
    try await RunningWorker(source: source ?? self.source, sink: sink, lanes: lanes, leaseTTL: ttl, name: name).run(body)
  }

  /// Lanes by their owner.
  private var owned: [String: [String]] { Dictionary(grouping: lanes) { sink.owner(of: $0) ?? "nobody" } }

  /// Shards with lanes that each of these has; all that there are, and as many as the others or one more.
  private func waitForShares(_ names: String...) async throws {
    let all = Set(lanes.map(Self.shard)).count
    try await waitUntil("\(names) have equal parts") {
      let counts = names.map { Set(owned[$0, default: []].map(Self.shard)).count }
      return counts.reduce(0, +) == all && (counts.max() ?? 0) - (counts.min() ?? 0) <= 1
    }
  }

  private static func shard(_ lane: String) -> Int { Shard.of(lane) }

  /// The lane that is handed over first.
  private var last: String { lanes.max { Self.shard($0) < Self.shard($1) } ?? "" }

  private func expectApplied(_ written: [String: [EntryID]]) async throws {
    for (lane, ids) in written {
      try await waitUntil("everything of \(lane) is durable") { source.durable(lane) == ids.last }
      #expect(sink.applied(lane) == ids)
    }
  }

  @Test func `whoever comes gets an equal part, whoever leaves hands on his, and every entry is committed once and in order`() async throws
  {
    var written: [String: [EntryID]] = [:]
    func write() { for lane in lanes { for _ in 0..<10 { written[lane, default: []].append(source.append(lane)) } } }
    write()
    try await withWorker("a") { _ in
      try await waitForShares("a")
      try await withWorker("b") { _ in
        write()
        try await waitForShares("a", "b")
        try await withWorker("c") { _ in
          write()
          try await waitForShares("a", "b", "c")
          write()
          try await expectApplied(written)
        }
        write()
        try await waitForShares("a", "b")
      }
      write()
      try await waitForShares("a")
      try await expectApplied(written)
    }
    #expect(sink.parts == [:])
  }

  @Test func `a lane is handed over when its transaction is decided, and not before`() async throws {
    try await withWorker("a") { a in
      try await waitForShares("a")
      sink.stick(last)
      let written = [last: [source.append(last)]]
      try await waitUntil("its transaction is under way") { await a.coordinator.scheduler.lanes[last]?.inFlight != nil }
      let fence = sink.fence(of: last)
      try await withWorker("b") { b in
        try await waitUntil("it is given up") { await a.coordinator.scheduler.lanes[last] == nil }
        #expect(sink.owner(of: last) == "a")
        #expect(sink.fence(of: last) == fence)
        sink.letGo(last)
        try await waitForShares("a", "b")
        try await expectApplied(written)
      }
    }
  }

  @Test func `a lane whose transaction does not end is served again, and handed over at a later turn`() async throws {
    let ttl = Duration.milliseconds(300)
    try await withWorker("a", ttl: ttl) { a in
      try await waitForShares("a")
      sink.stick(last)
      let written = [last: [source.append(last)]]
      try await waitUntil("its transaction is under way") { await a.coordinator.scheduler.lanes[last]?.inFlight != nil }
      try await withWorker("b", ttl: ttl) { _ in
        try await waitUntil("b has what is not stuck") { (sink.parts["b"] ?? 0) > 0 }
        #expect(sink.owner(of: last) == "a")
        try await waitUntil("it is served again") { await a.coordinator.scheduler.lanes[last] != nil }
        sink.letGo(last)
        try await waitUntil("it is b's, too") { sink.owner(of: last) == "b" }
        try await expectApplied(written)
      }
    }
  }

  @Test func `a worker whose Redis is away hands everything over, and takes its part again when it is back`() async throws {
    let (other, ttl) = (MemorySource(), Duration.seconds(2))
    try await withWorker("a", source: other, ttl: ttl) { _ in
      try await waitForShares("a")
      try await withWorker("b", ttl: ttl) { _ in
        try await waitForShares("a", "b")
        let part = Set(owned["a"] ?? [])
        other.setAway(true)
        try await waitForShares("b")
        // Not at once: when it said so it still had its part, for the others might have been about to say the same.
        #expect(sink.lanesWhenUnable("a") == part)
        other.setAway(false)
        try await waitForShares("a", "b")
      }
    }
  }

  @Test func `where Redis is away for all, nobody gives up a lane`() async throws {
    // They notice one after the other, within this time.
    let ttl = Duration.seconds(6)
    try await withWorker("a", ttl: ttl) { _ in
      try await withWorker("b", ttl: ttl) { _ in
        try await waitForShares("a", "b")
        let owners = owned
        source.setAway(true)
        try await waitUntil("both say so") { sink.canServe("a") == false && sink.canServe("b") == false }
        #expect(owned == owners)
        source.setAway(false)
        try await waitUntil("both are able again") { sink.canServe("a") == true && sink.canServe("b") == true }
        #expect(owned == owners)
      }
    }
  }
}
