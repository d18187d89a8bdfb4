// What goes in and out of a sink.

package struct WorkerIdentity: Sendable, Hashable {
  /// Unique among workers and their restarts.
  package var name: String
  package var host: String
  package var pid: Int32

  package init(name: String, host: String, pid: Int32) {
    self.name = name
    self.host = host
    self.pid = pid
  }
}

package struct LeaseGrant: Sendable, Equatable {
  /// Shards and the fencing token of each lease.
  package var shards: [Int: Int64]

  package init(shards: [Int: Int64]) {
    self.shards = shards
  }
}

package struct NewLane: Sendable, Equatable {
  package var name: String
  package var shard: Int
  package var position: EntryID
  package var baseline: UInt64

  package init(name: String, shard: Int, position: EntryID, baseline: UInt64) {
    self.name = name
    self.shard = shard
    self.position = position
    self.baseline = baseline
  }
}

package struct LaneNote: Sendable, Equatable {
  package var lane: String
  package var fence: Int64
  package var state: LaneState
  package var lastError: String?
  package var hint: String?

  package init(lane: String, fence: Int64, state: LaneState, lastError: String?, hint: String?) {
    self.lane = lane
    self.fence = fence
    self.state = state
    self.lastError = lastError
    self.hint = hint
  }
}

package struct CheckpointMark: Sendable, Equatable {
  package var lane: String
  package var fence: Int64
  package var lagEntries: Int64?
  package var lagSeconds: Double?

  package init(lane: String, fence: Int64, lagEntries: Int64?, lagSeconds: Double?) {
    self.lane = lane
    self.fence = fence
    self.lagEntries = lagEntries
    self.lagSeconds = lagSeconds
  }
}
