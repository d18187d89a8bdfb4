import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkCore
@testable import TidemarkEngine

/// The whole worker against a source and a sink in memory, which fail as they are told.
@Suite struct WorkerTests {
  private let source = MemorySource()
  private let sink = MemorySink()

  private func withWorker(_ body: (Worker) async throws -> Void) async throws {
    try await RunningWorker(source: source, sink: sink).run(body)
  }

  private func write(_ count: Int) -> [String: [EntryID]] {
    Dictionary(uniqueKeysWithValues: ["a", "b"].map { lane in (lane, (0..<count).map { source.append(lane, content: "\($0)") }) })
  }

  private func expectApplied(_ written: [String: [EntryID]]) async throws {
    for (lane, ids) in written {
      try await waitUntil("everything of \(lane) is durable") { source.durable(lane) == ids.last }
      #expect(sink.applied(lane) == ids)
    }
  }

  @Test func `every entry of every lane is committed once and in order, then marked`() async throws {
    let written = write(50)
    try await withWorker { _ in try await expectApplied(written) }
  }

  @Test func `what a new connection brings is not taken before its streams were looked at`() async throws {
    let written = write(5)
    try await withWorker { _ in
      try await expectApplied(written)
      // It lacks the tail, and as many as were read have come instead: two of them below the cursor.
      let others = [EntryID(ms: 4, no: 1), EntryID(ms: 4, no: 2), EntryID(ms: 6, no: 0)]
      source.failOver("a", to: (1...3).map { EntryID(ms: $0, no: 0) } + others)
      try await waitUntil("what came to the other is applied") { Set(sink.applied("a")).isSuperset(of: others) }
      #expect(sink.applied("a").filter { others.contains($0) } == others)
    }
  }

  @Test func `an outage is waited for, and nothing is lost or doubled`() async throws {
    sink.fail("a", Array(repeating: .refuse(SinkError(.fault(.world), "down")), count: 30))
    let written = write(20)
    try await withWorker { _ in try await expectApplied(written) }
  }

  @Test func `a mark is told when the ledger has its entries and not before, however long that takes`() async throws {
    source.expectCommitted { [sink] in sink.applied($0).last }
    sink.fail("a", Array(repeating: .refuse(SinkError(.fault(.world), "down")), count: 30))
    let written = write(3)
    try await withWorker { _ in try await expectApplied(written) }
    #expect(source.untimely.map(\.lane).isEmpty)
  }

  @Test func `a commit whose answer is lost is not made again`() async throws {
    sink.fail("a", [.loseAnswer, .loseAnswer, .loseAnswer])
    let written = write(20)
    try await withWorker { _ in try await expectApplied(written) }
  }

  @Test func `a configuration fault halts its lane and no other, and is tried again`() async throws {
    let fault = SinkError(.fault(.configuration), "permission denied", hint: "grant it")
    sink.fail("a", [.refuseAlways(fault)])
    let written = write(10)
    try await withWorker { worker in
      try await expectApplied(["b": written["b"] ?? []])
      try await waitUntil("lane a is halted, with its hint") {
        await worker.coordinator.status().lanes.contains { $0.record.name == "a" && $0.state == .halted && $0.hint == "grant it" }
      }
      #expect(sink.applied("a").isEmpty)
      sink.fail("a", [])
      try await expectApplied(written)
    }
  }

  @Test func `behind a promoted standby that lacks the last commits they are made again, of quiet lanes, too`() async throws {
    let written = write(20)
    try await withWorker { worker in
      try await expectApplied(written)
      try await waitUntil("it is known which ledger this is") { await worker.coordinator.ledger.identity != nil }
      sink.promote("a", knowing: 7)
      #expect(sink.applied("a").count == 7)
      try await waitUntil("what the standby lacked is committed again") { sink.applied("a") == written["a"] }
      #expect(sink.applied("b") == written["b"])
    }
  }

  @Test func `a lane whose audit trail grows by replays goes on without being given up`() async throws {
    var written = write(5)
    try await withWorker { worker in
      try await expectApplied(written)
      let ownership = await worker.coordinator.scheduler.lanes["a"]?.ownership
      for round in 1...20 {
        sink.grow("a")
        // Which lanes the fence named can't always be read at once.
        if round.isMultiple(of: 4) { sink.state.withLock { $0.unansweredReadings = 1 } }
        written = written.merging(write(5)) { $0 + $1 }
        try await expectApplied(written)
      }
      #expect(await worker.coordinator.scheduler.lanes["a"]?.ownership == ownership)
    }
  }

  @Test func `a lane whose row misses that its shard is ours is served all the same`() async throws {
    var written = write(5)
    try await withWorker { _ in
      try await expectApplied(written)
      sink.orphan("a")
      written = written.merging(write(5)) { $0 + $1 }
      try await expectApplied(written)
      #expect(sink.owner(of: "a") == "worker")
    }
  }

  @Test func `a lane that somebody moved is read again from the ledger's cursor`() async throws {
    let first = write(5)
    try await withWorker { _ in
      try await expectApplied(first)
      sink.move("a")
      let second = write(5)
      try await expectApplied(first.merging(second) { $0 + $1 })
    }
  }

  @Test func `a record that no transaction survives is a dead letter, the lane goes on, and the other lane never waits`() async throws {
    let written = write(40)
    let bad = [3, 17, 18, 40].map { EntryID(ms: $0, no: 0) }
    sink.poison("a", Set(bad), SinkError(.fault(.interrupted), "the connection is gone", isOutcomeUnknown: true))
    try await RunningWorker(source: source, sink: sink, maxEntries: 16, leaseTTL: .milliseconds(60)).run { _ in
      try await expectApplied(["b": written["b"] ?? []])
      // The last one has nothing behind it, so it may wait until something else is committed.
      try await waitUntil("everything else of a is durable") { (source.durable("a") ?? .zero) >= EntryID(ms: 39, no: 0) }
      let more = source.append("b")
      try await waitUntil("b goes on") { source.durable("b") == more }
      let last = source.append("a")
      try await waitUntil("the lane goes on") { source.durable("a") == last }
      #expect(sink.rejected("a") == bad)
      #expect(sink.applied("a") == (written["a"] ?? []).filter { !bad.contains($0) } + [last])
    }
  }

  @Test func `an outage in which only leases are renewed makes no dead letter`() async throws {
    let error = SinkError(.fault(.interrupted), "the connection is gone")
    sink.fail("a", Array(repeating: .refuse(error), count: 400))
    let written = write(12)
    try await RunningWorker(source: source, sink: sink, lanes: ["a"], leaseTTL: .milliseconds(3)).run { _ in
      try await expectApplied(["a": written["a"] ?? []])
      #expect(sink.rejected("a").isEmpty)
    }
  }

  @Test func `what was read is committed before a graceful end`() async throws {
    for lane in ["a", "b"] { sink.stick(lane) }
    var written = write(1)
    var release: Task<Void, Never>?
    try await RunningWorker(source: source, sink: sink, maxEntries: 20).run { worker in
      func isRead() -> Bool { written.allSatisfy { source.readPosition($0.key) == $0.value.last } }
      try await waitUntil("a transaction of each lane has begun") { sink.stuckCommits == ["a", "b"] }
      // The worker holds these behind its transactions when the end begins.
      written = written.merging(write(10)) { $0 + $1 }
      try await waitUntil("all is read") { isRead() }
      #expect(written.keys.allSatisfy { sink.applied($0).isEmpty })
      release = Task { [sink] in
        await worker.coordinator.draining()
        for lane in ["a", "b"] { sink.letGo(lane) }
      }
    }
    await release?.value
    for (lane, ids) in written {
      #expect(sink.applied(lane) == ids)
      #expect(source.durable(lane) == ids.last)
    }
  }
}
