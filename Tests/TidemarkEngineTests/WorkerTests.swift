import Logging
import Metrics
import ServiceLifecycle
import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkEngine

/// The whole worker against a source and a sink in memory, which fail as they are told.
@Suite struct WorkerTests {
  private let source = MemorySource()
  private let sink = MemorySink()

  /// Runs a worker over lanes `a` and `b`, and ends it gracefully after the body.
  private func withWorker(haltRest: Duration = .milliseconds(20), _ body: (Worker) async throws -> Void) async throws {
    let settings = WorkerSettings(
      flow: FlowLimits(
        maxEntries: 4, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20, haltAfterDeadLetters: 100,
        haltRest: haltRest),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      retry: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5)), builtIn: nil,
      lanes: ["a", "b"].map { .init(streams: $0, start: .oldest) }, writers: 2, discover: .milliseconds(10), leaseTTL: .seconds(10),
      checkpointInterval: .seconds(10), dedupeWindow: .seconds(60))
    let worker = Worker(
      identity: WorkerIdentity(name: "worker", host: "here", pid: 1), settings: settings, source: source, sink: sink,
      routes: RouteTable(), metrics: EngineMetrics(factory: NOOPMetricsHandler.instance),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let group = ServiceGroup(services: [worker], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await group.run() }
      try await body(worker)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
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

  @Test func `an outage is waited for, and nothing is lost or doubled`() async throws {
    sink.fail("a", Array(repeating: .refuse(SinkError(.fault(.world), "down")), count: 30))
    let written = write(20)
    try await withWorker { _ in try await expectApplied(written) }
  }

  @Test func `a commit whose answer is lost is not made again`() async throws {
    sink.fail("a", [.loseAnswer, .loseAnswer, .loseAnswer])
    let written = write(20)
    try await withWorker { _ in try await expectApplied(written) }
  }

  @Test func `a configuration fault halts its lane and no other, and is tried again`() async throws {
    let fault = SinkError(.fault(.configuration), "permission denied", hint: "grant it")
    sink.fail("a", Array(repeating: .refuse(fault), count: 1_000_000))
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

  @Test func `a lane that somebody moved is read again from the ledger's cursor`() async throws {
    let first = write(5)
    try await withWorker { _ in
      try await expectApplied(first)
      sink.grow("a")
      let second = write(5)
      try await expectApplied(first.merging(second) { $0 + $1 })
    }
  }

  @Test func `what was read is committed before a graceful end`() async throws {
    let written = write(100)
    try await withWorker { worker in
      try await waitUntil("something was read") { await worker.coordinator.status().lanes.contains { $0.record.ordinal > 0 } }
    }
    for (lane, ids) in written {
      let applied = sink.applied(lane)
      #expect(applied == Array(ids.prefix(applied.count)))
      #expect(source.durable(lane) == applied.last)
    }
  }
}
