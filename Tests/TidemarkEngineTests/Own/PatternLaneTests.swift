import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// Lanes of a pattern, whose streams come and go.
@Suite struct PatternLaneTests {
  private let source = MemorySource()
  private let sink = MemorySink()

  private func withWorker(_ body: (Worker) async throws -> Void) async throws {
    try await RunningWorker(source: source, sink: sink, lanes: ["job:*"]).run(body)
  }

  private func write(_ count: Int, to lane: String = "job:1") -> [EntryID] {
    (0..<count).map { source.append(lane, content: "\($0)") }
  }

  private func isOwned(_ lane: String, by worker: Worker) async -> Bool { await worker.coordinator.scheduler.lanes[lane] != nil }

  /// Holds up the lane's commits, reads `written` and deletes its stream. Returns when the worker knows.
  private func delete(_ written: [EntryID], under worker: Worker) async throws {
    try await waitUntil("all of it is read") { await worker.coordinator.scheduler.lanes["job:1"]?.readPosition == written.last }
    source.delete("job:1")
    try await waitUntil("it is known that the stream is gone") {
      await worker.coordinator.scheduler.lanes["job:1"].map { $0.closing == .replaced } ?? true
    }
  }

  @Test func `what was read of a stream that is deleted while Postgres is away is committed, and its end is recorded`() async throws {
    sink.fail("job:1", [.refuseAlways(SinkError(.fault(.world), "down"))])
    let written = write(12)
    try await withWorker { worker in
      try await delete(written, under: worker)
      #expect(await isOwned("job:1", by: worker))
      sink.fail("job:1", [])
      try await waitUntil("its end is recorded") { sink.breaks("job:1") == [.flushed] }
      #expect(sink.applied("job:1") == written)
      try await waitUntil("nothing is told of it") { source.marks["job:1"] == nil }
      let more = write(3)
      try await waitUntil("the next stream is served") { sink.applied("job:1") == written + more }
      #expect(sink.record("job:1")?.incarnation == 2)
      try await waitUntil("and its mark is told") { source.durable("job:1") == more.last }
    }
  }

  @Test func `what was read of a stream that is gone outlasts a halt of its lane`() async throws {
    sink.fail("job:1", [.refuseAlways(SinkError(.fault(.configuration), "permission denied"))])
    let written = write(3)
    try await withWorker { worker in
      try await waitUntil("it is halted") { await worker.coordinator.scheduler.lanes["job:1"]?.halt != nil }
      // Revived, it is read again; then the stream goes, and the next transaction is refused, too.
      sink.stick("job:1")
      sink.fail("job:1", [])
      try await waitUntil("all of it is under way") { await worker.coordinator.scheduler.lanes["job:1"]?.inFlight == 3 }
      source.delete("job:1")
      try await waitUntil("it is known that the stream is gone") { await worker.coordinator.scheduler.lanes["job:1"]?.closing == .replaced }
      sink.fail("job:1", [.refuseAlways(SinkError(.fault(.configuration), "permission denied"))])
      sink.letGo("job:1")
      try await waitUntil("it is halted again") { await worker.coordinator.scheduler.lanes["job:1"]?.halt != nil }
      sink.fail("job:1", [])
      try await waitUntil("its end is recorded") { sink.breaks("job:1") == [.flushed] }
      #expect(sink.applied("job:1") == written)
    }
  }

  @Test func `what was read of a lane that Redis refuses is committed all the same`() async throws {
    sink.stick("job:1")
    let written = write(12)
    try await withWorker { worker in
      try await waitUntil("all of it is read") { await worker.coordinator.scheduler.lanes["job:1"]?.readPosition == written.last }
      await worker.coordinator.perform {
        $0.halt("job:1", reason: "its key is no stream", hint: nil, for: .seconds(1_000), isOfReading: true, now: $1.now)
      }
      sink.letGo("job:1")
      try await waitUntil("it is committed") { sink.applied("job:1") == written }
      #expect(await worker.coordinator.scheduler.lanes["job:1"]?.state == .halted)
    }
  }

  @Test func `a stream that is deleted while no worker runs is recorded by the next one, and only once`() async throws {
    let written = write(5)
    try await withWorker { _ in try await waitUntil("it is committed") { sink.applied("job:1") == written } }
    source.delete("job:1")
    for _ in 0..<2 {
      let other = write(1, to: "job:2")
      try await withWorker { worker in
        try await waitUntil("its end is recorded") { sink.breaks("job:1") == [.flushed] }
        try await waitUntil("another lane is served") { sink.applied("job:2").last == other.last }
        try await waitUntil("it is set aside") { await worker.coordinator.expected.names.isEmpty }
        #expect(await !isOwned("job:1", by: worker))
      }
    }
    #expect(sink.breaks("job:1") == [.flushed])
  }

  @Test func `of a lane that is not configured any more all is committed before it is released`() async throws {
    sink.stick("job:1")
    let written = write(12)
    try await withWorker { worker in
      try await waitUntil("all of it is read") { await worker.coordinator.scheduler.lanes["job:1"]?.readPosition == written.last }
      var settings = await worker.coordinator.settings
      settings.lanes = settings.lanes.with(items: [LaneItem(streams: "task:*", start: .oldest)])
      await worker.coordinator.perform { [settings] in $0.apply(settings, now: $1.now) }
      #expect(await isOwned("job:1", by: worker))
      sink.letGo("job:1")
      try await waitUntil("it is released") { await !isOwned("job:1", by: worker) }
      #expect(sink.applied("job:1") == written)
      try await waitUntil("its mark is told") { source.durable("job:1") == written.last }
    }
  }

  @Test func `streams that come and go leave nothing behind in a worker`() async throws {
    try await withWorker { worker in
      for round in 0..<20 {
        let lanes = (0..<5).map { "job:\(round)-\($0)" }
        let written = lanes.map { write(2, to: $0) }
        for (lane, ids) in zip(lanes, written) { try await waitUntil("\(lane) is durable") { source.durable(lane) == ids.last } }
        for lane in lanes { source.delete(lane) }
        for lane in lanes { try await waitUntil("the end of \(lane) is recorded") { sink.breaks(lane) == [.flushed] } }
      }
      let coordinator = worker.coordinator
      try await waitUntil("nothing is kept of them") {
        let kept = await [coordinator.views.count, coordinator.expected.names.count, coordinator.scheduler.lanes.count]
        let hasEndings = await !coordinator.pendingReplacements.isEmpty
        return kept == [0, 0, 0] && !hasEndings && source.marks.isEmpty
      }
    }
  }

  @Test func `a ledger that went back behind what agents were told goes on under a later incarnation`() async throws {
    source.tell(DurableMark(lane: "job:1", durable: EntryID(ms: 900, no: 0), incarnation: 5, rejected: []))
    let first = write(4)
    try await withWorker { worker in
      try await waitUntil("the mark falls under a later incarnation") { source.durable("job:1") == first.last }
      #expect(sink.record("job:1")?.incarnation == 6)
      #expect(source.marks["job:1"]?.incarnation == 6)
      // Postgres goes back and nobody notices; what agents were told is found when they do not believe the next mark.
      source.tell(DurableMark(lane: "job:1", durable: EntryID(ms: 900, no: 0), incarnation: 9, rejected: []))
      let second = write(4)
      try await waitUntil("the mark moves again") { source.durable("job:1") == second.last }
      #expect(source.marks["job:1"]?.incarnation == 10)
      #expect(sink.applied("job:1") == first + second)
    }
  }
}
