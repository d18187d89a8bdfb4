internal import Logging
internal import TidemarkCore

/// Measures lag, notes lanes' states in the ledger, and writes checkpoint rows. Nothing else depends on it: when a server is away it
/// misses a turn.
struct LaneObserver: Sendable {
  static let interval = Duration.seconds(1)

  let source: any LaneSource
  let sink: any ChangeSink
  let worker: WorkerIdentity
  let coordinator: LaneCoordinator
  let logger: Logger

  func run() async {
    var checkpointDue = ContinuousClock.now
    var checkpointed: [String: EntryID] = [:]
    var noted: [String: LaneNote] = [:]
    while !Task.isCancelled {
      await measure()
      let status = await coordinator.status()
      await note(status, &noted)
      if ContinuousClock.now >= checkpointDue {
        await checkpoint(status, &checkpointed)
        checkpointDue = .now.advanced(by: await coordinator.settings.checkpointInterval)
      }
      let next = min(ContinuousClock.now.advanced(by: Self.interval), max(checkpointDue, .now.advanced(by: .milliseconds(50))))
      try? await Task.sleep(until: next, clock: .continuous)
    }
  }

  /// The last word before leases are given back.
  func finish() async {
    var checkpointed: [String: EntryID] = [:]
    await checkpoint(await coordinator.status(), &checkpointed)
  }

  private func measure() async {
    let records = await coordinator.owned
    guard !records.isEmpty else { return }
    let names = records.keys.sorted()
    do {
      let streams = try await source.inspect(names)
      let now = try await source.currentMilliseconds()
      let oldest = Dictionary(
        uniqueKeysWithValues: await coordinator.status().lanes.map { ($0.record.name, $0) })
      var lags: [String: LaneLag] = [:]
      for (name, stream) in zip(names, streams) {
        guard let record = oldest[name]?.record else { continue }
        lags[name] = LagMeasure.lag(stream, record: record, oldestUncommitted: oldest[name]?.oldestUncommitted, now: now)
      }
      await coordinator.measured(lags)
    } catch {
      await coordinator.measured(records.mapValues { _ in LaneLag(entries: nil, seconds: nil) })
    }
  }

  private func note(_ status: WorkerStatus, _ noted: inout [String: LaneNote]) async {
    let notes = status.lanes.map {
      // A busy lane is idle many times a second. The ledger calls both `reading`, and readers see by the lag which it is: a row that
      // changed with every turn would compete with the commits for its lock.
      LaneNote(
        lane: $0.record.name, fence: $0.record.fence, state: $0.state == .idle ? .reading : $0.state, lastError: $0.lastError,
        hint: $0.hint)
    }
    let changed = notes.filter { noted[$0.lane] != $0 }
    guard !changed.isEmpty else { return }
    do {
      try await sink.note(changed)
      for note in changed { noted[note.lane] = note }
    } catch {
      logger.debug("states.waiting", metadata: ["reason": "\(error)"])
    }
  }

  private func checkpoint(_ status: WorkerStatus, _ checkpointed: inout [String: EntryID]) async {
    let moved = status.lanes.filter { $0.record.cursor.position > .zero && checkpointed[$0.record.name] != $0.record.cursor.position }
    do {
      if !moved.isEmpty {
        try await sink.checkpoint(
          moved.map {
            CheckpointMark(
              lane: $0.record.name, fence: $0.record.fence, lagEntries: $0.lag?.entries, lagSeconds: $0.lag?.seconds)
          }, worker: worker)
        await coordinator.checkpointed(moved.map(\.record.name))
        for lane in moved { checkpointed[lane.record.name] = lane.record.cursor.position }
      }
      let window = await coordinator.settings.dedupeWindow
      let now = try await source.currentMilliseconds()
      try await sink.pruneEventIDs(olderThan: Int64(clamping: now) - window.components.seconds * 1000)
    } catch {
      logger.debug("checkpoint.waiting", metadata: ["reason": "\(error)"])
    }
  }
}
