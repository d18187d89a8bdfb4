import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// Marks that somebody deleted.
@Suite struct MarkRestoringTests {
  @Test(arguments: ["tidemark:{0}:changes", "a"]) func `a mark that is gone is told again without an entry`(lane: String) async throws {
    let (source, sink) = (MemorySource(), MemorySink())
    let written = (0..<3).map { _ in source.append(lane) }
    let running = RunningWorker(
      source: source, sink: sink, lanes: ["a"], partitions: 1)
    try await running.run { _ in
      for _ in 0..<3 {
        try await waitUntil("it is told") { source.durable(lane) == written.last }
        source.forgetMark(of: lane)
      }
      try await waitUntil("it is told again") { source.durable(lane) == written.last }
    }
  }

  @Test func `a mark that came from another server is told again once the lane was compared`() async throws {
    let (source, lane) = (MemorySource(), "tidemark:{0}:changes")
    let written = source.append(lane)
    let running = RunningWorker(source: source, sink: MemorySink(), lanes: [], partitions: 1)
    try await running.run { _ in
      for _ in 0..<3 {
        try await waitUntil("it is told") { source.marks[lane]?.isSurveyed == true }
        source.copyMark(of: lane)
      }
      try await waitUntil("it is told again") { source.marks[lane]?.isSurveyed == true }
      #expect(source.durable(lane) == written)
    }
  }
}
