#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The clocks of the machine, and the random numbers of the standard library.
package struct SystemClock: WorkerClock {
  package init() {}

  package var now: ContinuousClock.Instant { .now }

  package var milliseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }

  package func sleep(until deadline: ContinuousClock.Instant) async throws {
    try await Task.sleep(until: deadline, clock: .continuous)
  }

  package func random() -> Double { .random(in: 0..<1) }
}
