internal import Logging
internal import TidemarkCore

/// Holds lanes against their streams before they are taken up, and begins a new incarnation where the stream is another one.
struct LaneVerification: Sendable {
  let source: any LaneSource
  let sink: any ChangeSink
  let inspector: LaneInspector
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// A lane that may be taken up.
  struct Verified {
    var record: LaneRecord
    /// Why it is not to be read now.
    var halt: LaneView.LastError?
  }

  /// Nothing of these lanes is under way. A lane that can't be taken up now is left out.
  func verified(_ records: [LaneRecord], _ settings: WorkerSettings) async throws -> [Verified] {
    let endings = await coordinator.endings
    let inspection = try await inspector.look(records.map { LaneCheck($0, after: endings.ending(of: $0)) })
    let looks = Dictionary(uniqueKeysWithValues: inspection.looks.map { ($0.lane.lane, $0) })
    let refused = Dictionary(uniqueKeysWithValues: inspection.refused.map { ($0.lane.lane, $0.error) })
    var verified: [Verified] = []
    for record in records {
      if let error = refused[record.name] {
        verified.append(Verified(record: record, halt: .refused(error, rest: settings.flow.haltRest)))
      }
      guard let look = looks[record.name] else { continue }
      guard let broken = look.broken(after: endings.ending(of: record)) else {
        verified.append(Verified(record: record, halt: nil))
        continue
      }
      if let lane = try await mend(record, broken, look.snapshot.stream, settings.rewind) { verified.append(lane) }
    }
    return verified
  }

  /// What the policy wants with a stream that is another one. Nil where the lane was moved meanwhile.
  private func mend(
    _ record: LaneRecord, _ broken: LaneBreak, _ stream: LaneInspection?, _ policy: WorkerSettings.Rewind
  ) async throws -> Verified? {
    logger.error(
      "lane.broken",
      metadata: [
        "lane": "\(record.name)", "cause": "\(broken.cause.rawValue)", "incarnation": "\(record.incarnation)",
        "at_least": "\(broken.atLeast)", "policy": "\(policy.rawValue)",
      ])
    let start: LaneStart
    switch policy {
    case .halt:
      try await sink.recordBreak(record, broken.cause, atLeast: broken.atLeast)
      return Verified(record: record, halt: .broken(broken))
    case .resume: start = .oldest
    case .reseed: start = .newest
    }
    do {
      try await sink.begin(NewIncarnation(after: record, broken, start.begin(stream)))
    } catch let error as SinkError {
      guard case .fenced = error.kind else { throw error }
      return nil
    }
    metrics.broke(record.name, broken.cause)
    await raiseFloor(record, stream)
    return try await sink.lanes(named: [record.name]).first { $0.owner == record.owner }.map { Verified(record: $0, halt: nil) }
  }

  /// New ids shall follow all that were ever used: by their order readers know what came later. As far as Redis allows it.
  private func raiseFloor(_ record: LaneRecord, _ stream: LaneInspection?) async {
    guard let stream, stream.lastGeneratedID < record.furthest else { return }
    let isRaised = (try? await source.raiseFloor(record.name, to: record.furthest)) ?? false
    if !isRaised {
      logger.warning(
        "lane.floor",
        metadata: [
          "lane": "\(record.name)", "last": "\(stream.lastGeneratedID)", "floor": "\(record.furthest)",
          "reason": "XSETID was refused: new entries may get ids below those of entries that are in Postgres already",
        ])
    }
  }
}

extension LaneView.LastError {
  /// Redis refuses the lane's key. It is looked at again after a while, before anything is read.
  static func refused(_ error: SourceError, rest: Duration) -> LaneView.LastError {
    LaneView.LastError(
      text: error.description, hint: "give the worker's user access to this stream, or remove the key", rest: rest)
  }

  fileprivate static func broken(_ broken: LaneBreak) -> LaneView.LastError {
    LaneView.LastError(
      text: "the stream is not the one that was read: \(broken.cause.rawValue)",
      hint: "look at it, then set `rewind: resume` or `reseed` and restart the worker")
  }
}
