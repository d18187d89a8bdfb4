/// The speed at which a backlog went to Postgres, beside the limit.
package struct DrainResult: Sendable, Encodable {
  package var load: BenchLoad
  package var changes: Int
  /// The mean bytes of names and values.
  package var bytesPerChange: Int
  /// The seconds from the worker's start to the last durable mark.
  package var seconds: Double
  package var changesPerSecond: Double
  package var workerCPUSeconds: Double
  package var workerCPUMicrosecondsPerChange: Double
  package var workerCPUMicrosecondsPerRow: Double
  package var workerPeakBytes: Int
  /// The number of rows by table, without bookkeeping.
  package var tables: [String: Int64]
  package var limit: CopyLimitResult
  /// The drain's rate divided by the limit's rate.
  package var ofLimit: Double

  init(
    load: BenchLoad, changes: Int, bytesPerChange: Int, seconds: Double, usage: WorkerUsage, tables: [String: Int64], limit: CopyLimitResult
  ) {
    self.load = load
    self.changes = changes
    self.bytesPerChange = bytesPerChange
    self.seconds = seconds
    changesPerSecond = Double(changes) / seconds
    workerCPUSeconds = usage.cpuSeconds
    workerCPUMicrosecondsPerChange = usage.cpuSeconds * 1e6 / Double(changes)
    workerCPUMicrosecondsPerRow = usage.cpuSeconds * 1e6 / Double(max(1, tables.values.reduce(0, +)))
    workerPeakBytes = usage.peakBytes
    self.tables = tables
    self.limit = limit
    ofLimit = limit.seconds / seconds
  }
}
