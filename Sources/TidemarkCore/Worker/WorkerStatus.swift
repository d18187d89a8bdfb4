package struct LaneStatus: Sendable {
  package var record: LaneRecord
  package var state: LaneState
  package var lastError: String?
  package var hint: String?
  package var lag: LaneLag?
  package var oldestUncommitted: EntryID?
  /// When entries of the lane were last committed here, in Unix milliseconds by this machine's clock; nil before the first time.
  package var lastCommit: Int64?
  /// When its last checkpoint row was written here, likewise.
  package var lastCheckpoint: Int64?
  /// The pressure that was published last; nil before the first time, and for a lane whose pressure is not published.
  package var pressure: PressureLevel?
  /// For how long which group has held up trimming.
  package var trimBlocked: [String: Duration] = [:]
  /// When its last sealed change was committed, in seconds since 1970; nil while that is not known.
  package var sealedThrough: Double?
  /// Through here the lane's log is verified; nil until that is known here.
  package var verified: EntryID?
}

/// A worker as it sees itself.
package struct WorkerStatus: Sendable {
  package var lanes: [LaneStatus]
  package var bufferBytes: Int
  /// For how long reading stood still because the buffer was full, since the start.
  package var backpressure: Duration
  /// Why Redis can't be read; nil when it can.
  package var redisError: String?
  /// Since the lease was renewed last; nil before the first time.
  package var leaseAge: Duration?
  package var isDraining: Bool
  /// Why leases could not be taken or balanced at the last try; nil where they could.
  package var leaseError: String?
  /// Why agents could not be told what is durable at the last try; nil where they could.
  package var marksError: String?
  /// Why lanes that this worker may serve are not served.
  package var acquisitionErrors: [String] = []
}
