/// A worker that a benchmark started, as users start theirs: `tidemark run` in a process of its own.
package protocol BenchWorker: Sendable {
  /// What it used so far; nothing where its process is gone.
  func usage() -> WorkerUsage
  /// Waits for its end, with its last words; nil when the waiting task is cancelled.
  func waitForEnd() async -> String?
  /// Ends it. Works in a cancelled task too.
  func stop() async
}

/// What a worker's process took from its machine.
package struct WorkerUsage: Sendable, Equatable {
  /// User and system.
  package var cpuSeconds: Double
  /// The most that was ever resident.
  package var peakBytes: Int

  package init(cpuSeconds: Double, peakBytes: Int) {
    self.cpuSeconds = cpuSeconds
    self.peakBytes = peakBytes
  }
}

/// Starts a worker with these settings over the configuration's.
package typealias StartWorker = @Sendable (_ settings: [String: String]) async throws -> any BenchWorker
