import Synchronization
import Testing
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkAdmin

@Suite struct CachedTests {
  @Test func `many who ask at once cost one fetch, and later askers the next`() async {
    let fetches = Mutex(0)
    let forEver = Cached(for: .seconds(3600)) {
      await Task.yield()
      return fetches.withLock { fetches in
        fetches += 1
        return fetches
      }
    }
    await withTaskGroup { group in
      for _ in 0..<50 { group.addTask { await forEver.value } }
      for await value in group { #expect(value == 1) }
    }
    #expect(await forEver.value == 1)
    let forNoTime = Cached(for: .zero) {
      fetches.withLock { fetches in
        fetches += 1
        return fetches
      }
    }
    #expect(await forNoTime.value == 2)
    #expect(await forNoTime.value == 3)
  }

  @Test func `who has no patience gets nothing, and the fetch goes on for the others`() async throws {
    let (stream, end) = AsyncStream.makeStream(of: Void.self)
    let fetches = Mutex(0)
    let slow = Cached(for: .seconds(3600)) {
      fetches.withLock { $0 += 1 }
      for await _ in stream {}
      return 7
    }
    #expect(await slow.value(within: .milliseconds(1)) == nil)
    #expect(await slow.value(within: .milliseconds(1)) == nil)
    async let patient = slow.value(within: .seconds(600))
    end.finish()
    #expect(await patient == 7)
    #expect(await slow.value(within: .zero) == 7)
    #expect(fetches.withLock { $0 } == 1)
  }

  @Test func `a heart beats while its last question is young or answered`() async throws {
    let (stream, end) = AsyncStream.makeStream(of: Void.self)
    let asked = Mutex(0)
    let ask = { @Sendable in
      asked.withLock { $0 += 1 }
      for await _ in stream {}
    }
    let patient = Heartbeat(patience: .seconds(3600), ask)
    for _ in 0..<10 { #expect(patient.isBeating()) }
    try await waitUntil("it was asked") { asked.withLock { $0 } == 1 }
    let impatient = Heartbeat(patience: .zero, ask)
    #expect(impatient.isBeating(), "nothing is overdue before anything was asked")
    #expect(!impatient.isBeating())
    end.finish()
    try await waitUntil("it has answered, and beats again") { impatient.isBeating() }
  }
}
