@testable import TidemarkAdmin
@testable import TidemarkCore

/// Returns a lane's record whose accounting adds up.
func record(_ name: String, read: Int = 0, deadLetters: Int = 0, baseline: Int = 0, fence: Int64 = 1, owner: String? = "w1") -> LaneRecord {
  var totals = LaneCounts()
  totals.read = read
  totals.applied = read - deadLetters
  totals.deadLetters = deadLetters
  return LaneRecord(
    laneID: 1, name: name, shard: 0, fence: fence, incarnation: 1,
    cursor: LaneCursor(position: EntryID(ms: 1_795_389_463_124, no: 98), appliedNo: Int64(read)),
    ordinal: UInt64(read + baseline), baseline: UInt64(baseline), owner: owner, totals: totals)
}

func lane(
  _ name: String, _ state: LaneState = .idle, read: Int = 0, deadLetters: Int = 0, lag: LaneLag? = LaneLag(entries: 0, seconds: 0)
) -> LaneStatus {
  LaneStatus(
    record: record(name, read: read, deadLetters: deadLetters), state: state, lastError: nil, hint: nil, lag: lag,
    oldestUncommitted: nil, lastCommit: nil, lastCheckpoint: nil)
}

func worker(_ lanes: [LaneStatus], redisError: String? = nil, leaseAge: Duration? = .seconds(1)) -> WorkerStatus {
  WorkerStatus(
    lanes: lanes, bufferBytes: 4096, backpressure: .milliseconds(1500), redisError: redisError, leaseAge: leaseAge, isDraining: false)
}

/// Returns a report like the reader's.
func report(_ lanes: [LaneStatus], workers: [StatusReport.Worker] = []) -> StatusReport {
  StatusReport(
    lanes: lanes.map { status in
      var lane = StatusReport.Lane(
        status.record, state: status.state.rawValue, since: "2026-11-23T03:07:43.124Z", lastError: nil, hint: nil, deadLettersOpen: 0,
        gapsOpen: 0)
      lane.overlay(status)
      return lane
    }, workers: workers,
    settings: ["postgres.password": .init(value: nil, source: "default"), "batch.max_entries": .init(value: "5000", source: "default")],
    at: "2026-11-23T03:07:44.000Z", postgres: .init(isUp: true), redis: .init(isUp: true))
}
