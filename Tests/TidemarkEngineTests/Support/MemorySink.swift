import Synchronization
import TidemarkCore

@testable import TidemarkEngine

/// A ledger in memory that fences as the real one does, and fails as it is told.
final class MemorySink: ChangeSink {
  /// What happens to the next commits that carry a lane.
  enum Failure {
    /// Nothing is committed, and this is thrown.
    case refuse(SinkError)
    case refuseAlways(SinkError)
    /// It is committed, and the answer is lost.
    case loseAnswer
  }

  /// Who holds a shard; nobody while it is free.
  struct Holder {
    var worker: String?
    var fence: Int64
  }

  struct State {
    var lanes: [String: LaneRecord] = [:]
    var applied: [String: [EntryID]] = [:]
    var rejected: [String: [EntryID]] = [:]
    var failures: [String: [Failure]] = [:]
    var poison: [String: (entries: Set<EntryID>, error: SinkError)] = [:]
    var holders: [Int: Holder] = [:]
    /// Who lives, and whether it is able.
    var workers: [String: Bool] = [:]
    /// The lanes that a worker owned when it last said that it can't serve any.
    var lanesWhenUnable: [String: Set<String>] = [:]
    var notInForce: [String: String] = [:]
    var tuningRefused: [String: String] = [:]
    var tuning: [TunedSetting] = []
    /// How many times lanes can't be read that the fence named.
    var unansweredReadings = 0
    var controls: [LaneControl] = []
    /// Why nothing can be asked.
    var outage: SinkError?
    /// Lanes whose transactions do not come to an end.
    var stuck: Set<String> = []
    /// The lanes of which such a transaction has begun.
    var stuckCommits: Set<String> = []
    var timeline = 1
    var milliseconds: Int64 = 0
    /// What was to be removed, piece by piece.
    var removals: [(rule: RetentionRule, place: RetentionPlace?, rows: Int)] = []
    /// What becomes of the next pieces of a table; of all others, that nothing is left.
    var pieces: [RetentionTable: [RetentionPiece]] = [:]
    var lanesOfLetters: [String] = []
    /// Why nothing can be removed from a table.
    var irremovable: [RetentionTable: SinkError] = [:]
    /// How often all connections were ended.
    var restarts = 0
    /// What happens while the ledger's answer is on its way.
    var meanwhile: (@Sendable () async -> Void)?
    /// Why streams turned out to be other ones, in the order in which it was recorded.
    var breaks: [String: [LaneGap.Cause]] = [:]
    var items: [String: ItemInEffect] = [:]
    var unknownTypes: [String: Int] = [:]

    /// Why nothing of the batch is committed.
    mutating func refusal(of batch: ChangeBatch) -> SinkError? {
      if let outage { return outage }
      for segment in batch.segments {
        let error: SinkError
        switch failures[segment.lane]?.first {
        case .refuseAlways(let reason): error = reason
        case .refuse(let reason):
          failures[segment.lane]?.removeFirst()
          error = reason
        default: continue
        }
        return error
      }
      for index in batch.applied {
        let poison = poison[batch.segments[batch.entries[index].lane].lane]
        if let poison, poison.entries.contains(batch.entries[index].id) { return poison.error }
      }
      return nil
    }

    /// What the committer learns instead of the answer.
    mutating func loss(of batch: ChangeBatch) -> SinkError? {
      var isLost = false
      for segment in batch.segments {
        guard case .loseAnswer = failures[segment.lane]?.first else { continue }
        failures[segment.lane]?.removeFirst()
        isLost = true
      }
      return isLost ? SinkError(.fault(.world), "the connection is gone", isOutcomeUnknown: true) : nil
    }
  }

  let state = Mutex(State())
  /// Raised when a worker tells the others something.
  let told = ChangeSignal()
  /// Raised when transactions may go on.
  let unstuck = ChangeSignal()

  func fail(_ lane: String, _ failures: [Failure]) { state.withLock { $0.failures[lane] = failures } }

  /// Every entry that was committed, in the order in which it was.
  func applied(_ lane: String) -> [EntryID] { state.withLock { $0.applied[lane] ?? [] } }

  func breaks(_ lane: String) -> [LaneGap.Cause] { state.withLock { $0.breaks[lane] ?? [] } }

  func record(_ lane: String) -> LaneRecord? { state.withLock { $0.lanes[lane] } }

  /// Every dead letter, in the order of their commits.
  func rejected(_ lane: String) -> [EntryID] { state.withLock { $0.rejected[lane] ?? [] } }

  /// Nothing can be asked for this reason; nil: everything again.
  func goAway(_ outage: SinkError?) { state.withLock { $0.outage = outage } }

  /// Operators want this of a lane, and the workers are told.
  func control(_ control: LaneControl) {
    state.withLock { $0.controls = $0.controls.filter { $0.lane != control.lane } + [control] }
    told.raise()
  }

  /// No transaction that applies one of these commits.
  func poison(_ lane: String, _ entries: Set<EntryID>, _ error: SinkError) { state.withLock { $0.poison[lane] = (entries, error) } }

  /// As `dead-letters replay` does: the audit trail grows behind the owner's back.
  func grow(_ lane: String) { state.withLock { $0.lanes[lane]?.cursor.appliedNo += 1 } }

  /// Somebody takes the lane and gives it back, under another fencing token.
  func move(_ lane: String) { state.withLock { $0.lanes[lane]?.fence += 1 } }

  /// A standby takes over that has of the lane only this many entries; `isNoticeable`: under another timeline.
  func promote(_ lane: String, knowing count: Int, isNoticeable: Bool = true) {
    state.withLock { state in
      if isNoticeable { state.timeline += 1 }
      state.restarts += 1
      let kept = Array((state.applied[lane] ?? []).prefix(count))
      state.applied[lane] = kept
      state.lanes[lane]?.cursor.position = kept.last ?? .zero
      state.lanes[lane]?.cursor.appliedNo = Int64(count)
      state.lanes[lane]?.ordinal = UInt64(count)
      state.lanes[lane]?.anchor = nil
      state.lanes[lane]?.furthest = kept.last ?? .zero
    }
  }

  func lanes(named names: [String]) async throws -> [LaneRecord] {
    state.withLock { state in names.compactMap { state.lanes[$0] } }
  }

  func noteUnknownTypes(_ types: [String: Int]) async throws {
    state.withLock { $0.unknownTypes.merge(types, uniquingKeysWith: +) }
  }

  func itemsInEffect(_ streams: [String]) async throws -> [ItemInEffect] {
    state.withLock { state in streams.compactMap { state.items[$0] } }
  }

  func putInEffect(_ item: NewItem, by worker: WorkerIdentity) async throws -> Bool {
    let isFirst = state.withLock { state in
      guard state.items[item.streams] == nil else { return false }
      state.items[item.streams] = ItemInEffect(streams: item.streams, unmeasured: Set(item.unmeasured))
      return true
    }
    if isFirst { try await register(item.lanes) }
    return isFirst
  }

  /// An older backup is restored, from before the items took effect.
  func forgetLanes() {
    state.withLock { state in
      state.lanes = [:]
      state.items = [:]
      state.applied = [:]
      state.timeline += 1
      state.restarts += 1
    }
  }

  func register(_ lanes: [NewLane]) async throws {
    state.withLock { state in
      for lane in lanes where state.lanes[lane.name] == nil {
        state.lanes[lane.name] = LaneRecord(
          laneID: Int32(state.lanes.count + 1), name: lane.name, shard: lane.shard, fence: 1, incarnation: 1,
          cursor: LaneCursor(position: lane.position, appliedNo: 0), ordinal: lane.baseline, baseline: lane.baseline,
          owner: state.holders[lane.shard]?.worker)
      }
    }
  }

  func ledger(of names: [String]) async throws -> LedgerReading {
    let (timeline, restarts, meanwhile) = state.withLock { ($0.timeline, $0.restarts, $0.meanwhile) }
    let reading = LedgerReading(
      identity: LedgerIdentity(system: "memory", timeline: "\(timeline)"), connection: "\(timeline) \(restarts)",
      lanes: try await lanes(named: names))
    await meanwhile?()
    return reading
  }

  func begin(_ incarnation: NewIncarnation) async throws {
    state.withLock { state in
      guard var lane = state.lanes[incarnation.ended.name] else { return }
      state.breaks[lane.name, default: []].append(incarnation.cause)
      lane.incarnation += 1
      lane.cursor.position = incarnation.start
      lane.ordinal = incarnation.startOrdinal
      lane.baseline = incarnation.startOrdinal
      lane.totals = LaneCounts()
      state.lanes[lane.name] = lane
    }
  }

  func begunLanes(of shards: [Int]) async throws -> [String] {
    state.withLock { state in state.lanes.values.filter { shards.contains($0.shard) && $0.ordinal > 0 }.map(\.name) }
  }

  func raiseIncarnation(of lane: LaneRecord, to incarnation: Int64) async throws -> Bool {
    state.withLock { state in
      guard let held = state.lanes[lane.name], held.fence == lane.fence, held.incarnation == lane.incarnation else { return false }
      state.lanes[lane.name]?.incarnation = incarnation
      return true
    }
  }

  func recordBreak(_ lane: LaneRecord, _ replacement: StreamReplacement) async throws {}

  func mirrored(_ lanes: [LaneRecord]) async throws {
    state.withLock { state in
      for lane in lanes { state.lanes[lane.name]?.isMirrored = true }
    }
  }

  func laneControls() async throws -> [LaneControl] { state.withLock { $0.controls } }
  func tuning() async throws -> [TunedSetting] { state.withLock { $0.tuning } }
  func note(_ states: [LaneNote]) async throws {}
  func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws {}

  func eventIDLanes() async throws -> (now: Int64, lanes: [EventIDRetention.Lane]) {
    state.withLock { state in
      let lanes = state.lanes.values.map { EventIDRetention.Lane(name: $0.name, position: $0.cursor.position, movedAt: 0) }
      return (state.milliseconds, lanes)
    }
  }

  func lanesOfLetters(resolvedBefore age: Duration) async throws -> [String] { state.withLock { $0.lanesOfLetters } }

  func remove(_ rule: RetentionRule, from place: RetentionPlace?, rows: Int) async throws -> RetentionPiece {
    try state.withLock { state in
      state.removals.append((rule, place, rows))
      if let failure = state.irremovable[rule.table] { throw failure }
      guard let piece = state.pieces[rule.table]?.first else { return RetentionPiece(removed: 0, next: nil) }
      state.pieces[rule.table]?.removeFirst()
      return piece
    }
  }

  func makeWriter() throws -> any ChangeWriter { MemoryWriter(sink: self) }
}

private struct MemoryWriter: ChangeWriter {
  let sink: MemorySink
  let callers: (any TaskExecutor)? = nil

  func commit(_ batch: ChangeBatch, _ mode: CommitMode) async throws -> BatchOutcome {
    let outcome = BatchOutcome(batch)
    await sink.waitWhileStuck(batch.segments.map(\.lane))
    let error: SinkError? = sink.state.withLock { state in
      if let error = state.refusal(of: batch) { return error }
      let lost = state.loss(of: batch)
      let moved = batch.segments.filter { state.lanes[$0.lane]?.cursor != $0.before || state.lanes[$0.lane]?.fence != $0.fence }
      guard moved.isEmpty else { return SinkError(.fenced(moved.map(\.laneID)), "fenced") }
      for (segment, lane) in zip(batch.segments, outcome.lanes) {
        if let record = state.lanes[segment.lane] { state.lanes[segment.lane] = record.advanced(by: lane) }
        state.applied[segment.lane, default: []] += batch.applied.filter(segment.entries.contains).map { batch.entries[$0].id }
        state.rejected[segment.lane, default: []] += lane.rejected.map(\.id)
      }
      return lost
    }
    if let error { throw error }
    return outcome
  }

  func dryRun(_ batch: ChangeBatch) async throws -> Bool {
    try sink.state.withLock { state in
      if let error = state.refusal(of: batch) { throw error }
      return !batch.applied.isEmpty
    }
  }

  func settledLanes(_ laneIDs: [Int32]) async throws -> [LaneRecord] {
    try sink.state.withLock { state in
      guard state.unansweredReadings == 0 else {
        state.unansweredReadings -= 1
        throw SinkError(.fault(.world), "the connection is gone")
      }
      return state.lanes.values.filter { laneIDs.contains($0.laneID) }
    }
  }

  func rejected(_ lane: String, after: EntryID, through: EntryID) async throws -> [DurableMark.Rejection] { [] }
  func close() async {}
}
