/// A worker that a benchmark has started as users start theirs: as a process of `tidemark run`.
package protocol BenchWorker: Sendable {
  /// Returns the resources that the worker has used so far; zeros if its process has ended.
  func usage() -> WorkerUsage
  /// Waits for the worker's end and returns its last line; nil if the waiting task is cancelled.
  func waitForEnd() async -> String?
  /// Stops the worker. Works in a cancelled task, too.
  func stop() async
}

/// The resources that a worker's process has used.
package struct WorkerUsage: Sendable, Equatable {
  /// The CPU time in user and system mode.
  package var cpuSeconds: Double
  /// The peak of the resident memory.
  package var peakBytes: Int

  package init(cpuSeconds: Double, peakBytes: Int) {
    self.cpuSeconds = cpuSeconds
    self.peakBytes = peakBytes
  }
}

/// Starts a worker with these settings over the configuration.
package typealias StartWorker = @Sendable (_ settings: [String: String]) async throws -> any BenchWorker
