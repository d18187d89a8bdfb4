/// The settings of a worker. ``WorkerState/apply(_:now:)`` takes those that may change while it runs.
package struct WorkerSettings: Sendable {
  /// What to do with a lane whose stream is not the one that was read.
  package enum Rewind: String, Sendable, CaseIterable {
    /// Nothing, until an operator has looked.
    case halt
    /// Read again all that Redis has, and apply what is not in Postgres.
    case resume
    /// Postgres is right: what Redis has is left alone, and only what is written from now on is applied.
    case reseed
  }

  package var flow: FlowLimits
  package var decode: EntryDecoder.Limits
  package var retry: RetryPolicy
  package var lanes: LaneCatalog
  package var writers: Int
  package var discover: Duration
  package var leaseTTL: Duration
  package var checkpointInterval: Duration
  package var retention: RetentionLimits
  package var snapshots: SnapshotPolicy
  /// How far behind the commits seals may be.
  package var sealInterval: Duration
  package var rewind: Rewind
  package var trim: TrimLimits
  package var pressure: PressureLimits
  package var functions: FunctionSettings
  /// The time without a change after which a durable session leaves Redis; zero: never.
  package var evictIdleAfter: Duration
  package var reconciliation: ReconciliationLimits
  /// What a reload read and what waits for a restart, as people are told of it; nil: all that was read is in force.
  package var notInForce: String?
  /// Tuned values that can't be applied and why, as people are told of it; nil: there are none.
  package var tuningRefused: String?

  package init(
    flow: FlowLimits, decode: EntryDecoder.Limits, retry: RetryPolicy, lanes: LaneCatalog, writers: Int, discover: Duration,
    leaseTTL: Duration, checkpointInterval: Duration, retention: RetentionLimits, rewind: Rewind = .resume,
    trim: TrimLimits = TrimLimits(isEnabled: false, keep: .zero, keepBytes: 0, ignoredGroups: []),
    pressure: PressureLimits = PressureLimits(slow: .seconds(5), stop: .seconds(60), memory: 0.8),
    functions: FunctionSettings = FunctionSettings(), evictIdleAfter: Duration = .zero,
    snapshots: SnapshotPolicy = SnapshotPolicy(), sealInterval: Duration = .seconds(10),
    reconciliation: ReconciliationLimits = ReconciliationLimits()
  ) {
    self.flow = flow
    self.decode = decode
    self.retry = retry
    self.lanes = lanes
    self.writers = writers
    self.discover = discover
    self.leaseTTL = leaseTTL
    self.checkpointInterval = checkpointInterval
    self.retention = retention
    self.rewind = rewind
    self.trim = trim
    self.pressure = pressure
    self.functions = functions
    self.evictIdleAfter = evictIdleAfter
    self.snapshots = snapshots
    self.sealInterval = sealInterval
    self.reconciliation = reconciliation
  }
}
