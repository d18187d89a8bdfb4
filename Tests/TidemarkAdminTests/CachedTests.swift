import Synchronization
import Testing

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
}
