import Logging
import Metrics
import ServiceLifecycle
import TidemarkCore

@testable import TidemarkEngine

/// A worker over lanes `a` and `b`, with limits that tests need not wait for.
struct RunningWorker {
  var source: any LaneSource
  var sink: any ChangeSink
  var maxEntries = 4
  var lanes = ["a", "b"]
  var leaseTTL = Duration.seconds(10)
  var partitions: Int?
  var trim = TrimLimits(isEnabled: false, keep: .zero, keepBytes: 0, ignoredGroups: [])
  var name = "worker"
  var start = LaneStart.oldest
  var retry = RetryPolicy(base: .milliseconds(1), cap: .milliseconds(5))
  var haltAfterDeadLetters = 100
  var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  var claim: @Sendable (Bool) async throws -> Void = { _ in }

  var settings: WorkerSettings {
    WorkerSettings(
      flow: FlowLimits(
        maxEntries: maxEntries, maxBytes: 1 << 20, maxDelay: .zero, bufferBytes: 1 << 20, maxEntryBytes: 1 << 20,
        haltAfterDeadLetters: haltAfterDeadLetters, haltBackoff: .milliseconds(20)),
      decode: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      retry: retry,
      lanes: LaneCatalog(
        prefix: "tidemark", partitions: partitions, items: lanes.map { LaneItem(streams: $0, start: start) }),
      writers: 2, discover: .milliseconds(10), leaseTTL: leaseTTL, checkpointInterval: .seconds(10),
      retention: RetentionLimits(dedupeWindow: .seconds(60)), trim: trim)
  }

  /// Runs it, and ends it gracefully after the body.
  func run(_ body: (Worker) async throws -> Void) async throws {
    let worker = Worker(
      identity: WorkerIdentity(name: name, host: "here", pid: 1), settings: settings, source: source, sink: sink,
      routes: RouteTable.builtIn, metrics: EngineMetrics(factory: NOOPMetricsHandler.instance), claim: claim, logger: logger)
    let group = ServiceGroup(services: [worker], logger: logger)
    await worker.prepare()
    try await withThrowingTaskGroup { tasks in
      tasks.addTask { try await group.run() }
      try await body(worker)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }
}
