import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkCore
@testable import TidemarkEngine

/// What a worker says of outages and of lanes that can't go on, and what it does about them.
@Suite struct TroubleTests {
  private let source = MemorySource()
  private let sink = MemorySink()
  private let log = CapturedLog()

  /// With two writers.
  private func withWorker(_ lanes: [String], retry: Duration = .milliseconds(5), _ body: (Worker) async throws -> Void) async throws {
    var running = RunningWorker(source: source, sink: sink, maxEntries: 1, lanes: lanes)
    running.retry = RetryPolicy(base: retry, cap: retry)
    running.logger = log.logger
    try await running.run(body)
  }

  private func waitFor(_ event: String, _ lane: String? = nil) async throws -> CapturedLog.Line {
    try await waitUntil("\(event) \(lane ?? "")") { log.lines(event).contains { lane == nil || $0.metadata["lane"] == lane } }
    return try #require(log.lines(event).first { lane == nil || $0.metadata["lane"] == lane })
  }

  @Test func `with Postgres away every lane with something to commit waits for it, and one success wakes them all`() async throws {
    let lanes = (0..<6).map { "lane\($0)" }
    try await withWorker(lanes, retry: .seconds(3_600)) { worker in
      try await waitUntil("all lanes are owned") { await worker.coordinator.status().lanes.count == lanes.count }
      sink.goAway(.down)
      let written = Dictionary(uniqueKeysWithValues: lanes.map { ($0, source.append($0)) })
      try await waitUntil("all lanes wait") {
        let states = await worker.coordinator.status().lanes
        return states.allSatisfy { $0.state == .waitingPostgres && $0.lastError == "no answer" }
      }
      #expect(log.lines("postgres.unreachable").map { $0.metadata["reason"] } == ["no answer"])
      // Any success will do: here it is that of a renewal.
      sink.goAway(nil)
      for lane in lanes {
        try await waitUntil("\(lane) is durable") { source.durable(lane) == written[lane] }
      }
      #expect(log.lines("postgres.reachable").count == 1)
      #expect(log.lines("commit.retry").isEmpty)
    }
  }

  @Test func `a lane that is halted is said once, with reason and hint, and once when it goes on`() async throws {
    let refusal = SinkError(.fault(.configuration), "permission denied for table messages", hint: "grant it")
    sink.fail("a", Array(repeating: .refuse(refusal), count: 5))
    let written = source.append("a")
    try await withWorker(["a"]) { _ in
      let line = try await waitFor("lane.halted", "a")
      #expect(line.metadata["reason"] == refusal.description && line.metadata["hint"] == "grant it")
      try await waitUntil("it is durable") { source.durable("a") == written }
      _ = try await waitFor("lane.resumed", "a")
      #expect(log.lines("lane.halted").count == 1)
      #expect(log.lines("lane.resumed").count == 1)
    }
  }

  @Test func `a drain is given up once Postgres has been away for a while, and else at its deadline`() async throws {
    let coordinator = LaneCoordinator(settings: HandOverTests.settings)
    let isOver = ChangeSignal()
    let before = isOver.generation
    await coordinator.perform { $0.beginDrain(now: $1.now) }
    let drain = Task {
      await coordinator.drainIsOver(deadline: .seconds(3_600), patience: .milliseconds(1))
      isOver.raise()
    }
    await coordinator.postgresFailed(SinkError.down)
    try await waitUntil("it is over", within: .seconds(20)) { isOver.generation != before }
    await drain.value
    await coordinator.perform { state, _ in state.postgresAnswered() }
    // At once, where no time is left.
    await coordinator.drainIsOver(deadline: .zero, patience: .seconds(3_600))
  }

  @Test func `a paused lane is not read until it is resumed, and a worker that starts finds it paused`() async throws {
    sink.control(LaneControl(lane: "a", isPaused: true, retries: 0, resolutions: 0))
    let (first, other) = (source.append("a"), source.append("b"))
    try await withWorker(["a", "b"]) { worker in
      try await waitUntil("b goes on") { source.durable("b") == other }
      #expect(await worker.coordinator.status().lanes.first { $0.record.name == "a" }?.state == .paused)
      #expect(sink.applied("a") == [])
      sink.control(LaneControl(lane: "a", isPaused: false, retries: 0, resolutions: 0))
      try await waitUntil("a goes on") { source.durable("a") == first }
    }
  }

  @Test func `dead letters count towards the halt also where the commit's answer was lost`() async throws {
    var running = RunningWorker(source: source, sink: sink, maxEntries: 1, lanes: ["a"])
    running.haltAfterDeadLetters = 3
    running.logger = log.logger
    sink.fail("a", [.loseAnswer, .loseAnswer])
    let bad = (0..<3).map { _ in source.append("a", session: String(repeating: "s", count: 300)) }
    try await running.run { _ in
      let line = try await waitFor("lane.halted", "a")
      #expect(line.metadata["reason"]?.hasPrefix("3 dead letters in a row") == true)
      #expect(sink.rejected("a") == bad)
    }
  }

  @Test(arguments: [(1, 0), (0, 1)] as [(Int64, Int64)])
  func `a lane that dead letters halted goes on when it is retried or one of them is resolved`(retries: Int64, resolutions: Int64)
    async throws
  {
    var running = RunningWorker(source: source, sink: sink, maxEntries: 1, lanes: ["a"])
    running.haltAfterDeadLetters = 2
    running.logger = log.logger
    let bad = (0..<2).map { _ in source.append("a", session: String(repeating: "s", count: 300)) }
    try await running.run { worker in
      _ = try await waitFor("lane.halted", "a")
      let good = source.append("a")
      #expect(await worker.coordinator.status().lanes.first?.state == .halted)
      sink.control(LaneControl(lane: "a", isPaused: false, retries: retries, resolutions: resolutions))
      try await waitUntil("it goes on") { source.durable("a") == good }
      #expect(sink.rejected("a") == bad)
      #expect(log.lines("lane.resumed").count == 1)
      let said = try await waitFor("dead_letters.added")
      #expect(said.metadata["count"] == "2" && said.metadata["lane"] == "a")
    }
  }
}

extension SinkError {
  fileprivate static var down: SinkError {
    var error = SinkError(.fault(.world), "no answer")
    error.isUnreachable = true
    return error
  }
}
