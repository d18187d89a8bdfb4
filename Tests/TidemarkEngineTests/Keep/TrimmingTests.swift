import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// What a worker removes from a source in memory.
@Suite struct TrimmingTests {
  private static let lane = "tidemark:{0}:changes"
  private let source = MemorySource()
  private let sink = MemorySink()

  private func withWorker(_ body: (Worker) async throws -> Void) async throws {
    let keepsNothing = TrimLimits(isEnabled: true, keep: .zero, keepBytes: 1 << 30, ignoredGroups: [])
    try await RunningWorker(
      source: source, sink: sink, lanes: [], partitions: 1, trim: keepsNothing
    ).run(body)
  }

  @Test func `a lane is trimmed by the ledger's cursor and not by what the worker remembers of it`() async throws {
    // Before all entries: nothing is old enough to be trimmed.
    source.setClock(0)
    let written = (0..<20).map { _ in source.append(Self.lane) }
    try await withWorker { _ in
      try await waitUntil("everything is durable") { source.durable(Self.lane) == written.last }
      // What it lacks is not committed again meanwhile.
      sink.fail(Self.lane, [.refuseAlways(SinkError(.fault(.world), "the disk is full"))])
      sink.promote(Self.lane, knowing: 7, isNoticeable: false)
      source.setClock(1_000)
      let rounds = source.trimRounds
      try await waitUntil("it was trimmed since") { source.trimRounds > rounds + 1 }
      #expect(source.first(Self.lane) == written[6])
    }
  }
}
