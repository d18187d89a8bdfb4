import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// Where reading begins: for which streams `start` is meant.
@Suite struct LaneStartEffectTests {
  private let source = MemorySource()
  private let sink = MemorySink()

  private func withWorker(_ start: LaneStart = .newest, name: String = "worker", _ body: (Worker) async throws -> Void) async throws {
    var running = RunningWorker(source: source, sink: sink, lanes: ["job:*"])
    running.start = start
    running.name = name
    try await running.run(body)
  }

  private func write(_ count: Int, to lane: String) -> [EntryID] {
    (0..<count).map { source.append(lane, content: "\($0)") }
  }

  @Test func `streams that appear while a worker runs are read from their first entry`() async throws {
    _ = write(3, to: "job:old")
    try await withWorker { _ in
      let written = (0..<70).map { write(1, to: "job:\($0)") }
      for (lane, ids) in written.enumerated() {
        try await waitUntil("job:\(lane) is applied") { sink.applied("job:\(lane)") == ids }
      }
      let more = write(1, to: "job:old")
      try await waitUntil("the old stream goes on") { sink.applied("job:old") == more }
      #expect(sink.record("job:old")?.baseline == 3)
      #expect(sink.record("job:0")?.baseline == 0)
    }
  }

  @Test func `streams that appear while no worker runs, and are first seen by another, are read from their first entry`() async throws {
    _ = write(3, to: "job:old")
    try await withWorker { _ in }
    let (new, more) = (write(2, to: "job:new"), write(2, to: "job:old"))
    try await withWorker(name: "another") { _ in
      try await waitUntil("the new stream is applied") { sink.applied("job:new") == new }
      try await waitUntil("the old one goes on from where it stood") { sink.applied("job:old") == more }
    }
  }

  @Test func `an entry's id is for the streams that are there, too`() async throws {
    let old = write(4, to: "job:old")
    try await withWorker(.after(old[1])) { _ in
      try await waitUntil("the old stream is read behind the entry") { sink.applied("job:old") == Array(old[2...]) }
      let new = write(2, to: "job:new")
      try await waitUntil("a new one from its first") { sink.applied("job:new") == new }
    }
    #expect(sink.record("job:old")?.baseline == 2)
  }

  @Test func `a stream that may not be looked at when its item takes effect begins as the item says`() async throws {
    let old = write(3, to: "job:old")
    source.refuse("job:old", SourceError(.laneRefused("job:old"), "NOPERM"))
    try await withWorker { worker in
      try await waitUntil("the item is in effect") { await worker.coordinator.items.contains("job:*") }
      source.refuse("job:old", nil)
      try await waitUntil("it is served") { sink.record("job:old")?.cursor.position == old.last }
      let more = write(1, to: "job:old")
      try await waitUntil("from where it stood") { sink.applied("job:old") == more }
    }
  }

  @Test func `a lane of which agents were told, and the ledger knows nothing, is not skipped`() async throws {
    try await withWorker { _ in
      let written = write(3, to: "job:1")
      try await waitUntil("it is told") { source.durable("job:1") == written.last }
    }
    sink.forgetLanes()
    try await withWorker { _ in try await waitUntil("it is read again") { sink.applied("job:1").count == 3 } }
  }
}
