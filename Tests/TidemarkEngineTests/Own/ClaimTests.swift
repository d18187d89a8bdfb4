import Synchronization
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkEngine

/// What a worker does when Redis and the ledger turn out not to belong together.
@Suite struct ClaimTests {
  private static let refusal = ClaimRefused("the prefix belongs to another installation", hint: "choose another one")

  /// Both servers, as a comparison finds them.
  private final class Servers: Sendable {
    let error = Mutex<(any Error)?>(nil)
    let comparisons = Mutex(0)
    /// How many of them were told that marks bear another installation's id.
    let foreignMarks = Mutex(0)

    func set(_ error: (any Error)?) { self.error.withLock { $0 = error } }

    func compare(_ areMarksForeign: Bool) throws {
      comparisons.withLock { $0 += 1 }
      if areMarksForeign { foreignMarks.withLock { $0 += 1 } }
      if let error = error.withLock({ $0 }) { throw error }
    }
  }

  private let source = MemorySource()
  private let sink = MemorySink()

  private func withWorker(_ servers: Servers, _ body: (Worker) async throws -> Void) async throws {
    var running = RunningWorker(source: source, sink: sink)
    running.claim = { try servers.compare($0) }
    try await running.run(body)
  }

  @Test func `lanes are released while another installation has the prefix, and acquired again afterwards`() async throws {
    let servers = Servers()
    try await withWorker(servers) { worker in
      let first = source.append("a")
      try await waitUntil("it is durable") { source.durable("a") == first }
      servers.set(Self.refusal)
      try await waitUntil("all is released") { await worker.coordinator.ownsNothing }
      try await waitUntil("its leases go back") { sink.state.withLock { $0.workers["worker"] == false } }
      #expect(await worker.coordinator.status().redisError == Self.refusal.description)
      let second = source.append("a")
      let asked = servers.comparisons.withLock { $0 }
      try await waitUntil("it was compared since") { servers.comparisons.withLock { $0 } > asked + 1 }
      #expect(sink.applied("a") == [first] && source.durable("a") == first)
      #expect(servers.foreignMarks.withLock { $0 } == 0)
      servers.set(nil)
      try await waitUntil("all is served again") { source.durable("a") == second }
      #expect(await worker.coordinator.status().redisError == nil)
    }
  }

  @Test func `no lane is acquired under another installation's prefix`() async throws {
    let servers = Servers()
    servers.set(Self.refusal)
    _ = source.append("a")
    try await withWorker(servers) { worker in
      try await waitUntil("it was compared") { servers.comparisons.withLock { $0 } > 1 }
      #expect(await worker.coordinator.ownsNothing)
      #expect(sink.applied("a").isEmpty)
    }
  }

  @Test func `a lane whose marks are another installation's is halted, and the claim compared at once`() async throws {
    let servers = Servers()
    try await withWorker(servers) { worker in
      let first = source.append("a")
      try await waitUntil("it is durable") { source.durable("a") == first }
      source.refuseMarks(of: "a", SourceError(.otherInstallation("a"), "it bears another id"))
      let last = source.append("a")
      try await waitUntil("it is halted") {
        await worker.coordinator.status().lanes.contains { $0.record.name == "a" && $0.lastError == "it bears another id" }
      }
      let other = source.append("b")
      try await waitUntil("the other lane goes on") { source.durable("b") == other }
      try await waitUntil("the claim's holder is asked to take the marks over") { servers.foreignMarks.withLock { $0 } > 0 }
      source.refuseMarks(of: "a", nil)
      // Agents wait for this mark even if nobody writes anything more.
      try await waitUntil("its mark follows") { source.durable("a") == last }
      let next = source.append("a")
      try await waitUntil("it goes on") { source.durable("a") == next }
    }
  }

  @Test func `a server that can't be asked changes nothing`() async throws {
    let servers = Servers()
    try await withWorker(servers) { worker in
      let first = source.append("a")
      try await waitUntil("it is durable") { source.durable("a") == first }
      servers.set(SourceError(.unavailable, "nobody answers"))
      let asked = servers.comparisons.withLock { $0 }
      try await waitUntil("it was compared since") { servers.comparisons.withLock { $0 } > asked }
      let second = source.append("a")
      try await waitUntil("it goes on") { source.durable("a") == second }
    }
  }
}
