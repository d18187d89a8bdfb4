internal import Logging
internal import TidemarkCore
internal import TidemarkLog

/// Holds lanes against their streams before they are taken up, and begins a new incarnation where the stream is another one.
struct OwnershipCheck: Sendable {
  let source: any LanePlacement & MarkStore & StreamKeeper
  let sink: any LaneLedger
  let inspector: LaneInspector
  let coordinator: LaneCoordinator
  let metrics: EngineMetrics
  let logger: Logger

  /// A lane that may be taken up.
  struct Verified {
    var record: LaneRecord
    /// Why it is not to be read now.
    var halt: LaneView.LastError?
    /// The stream that it was compared with; nil where there is none.
    var stream: StreamInfo?
  }

  /// A lane that can't be taken up now is left out.
  ///
  /// - Parameter draining: lanes of which a transaction was under way, from before they were given up, when the records were asked for.
  func verified(_ records: [LaneRecord], _ draining: Set<String>, _ settings: WorkerSettings) async throws -> [Verified] {
    let pendingReplacements = await coordinator.pendingReplacements
    let inspection = try await inspector.observe(
      records.map { ExpectedStream($0, after: pendingReplacements.pending(of: $0)) }, mayBeDeferred: false)
    let comparisons = Dictionary(uniqueKeysWithValues: inspection.comparisons.map { ($0.lane.lane, $0) })
    let refused = Dictionary(uniqueKeysWithValues: inspection.refused.map { ($0.lane.lane, $0.error) })
    let told = try await told(records.map(\.name))
    var verified: [Verified] = []
    for (found, told) in zip(records, told) {
      guard let record = try await raised(found, above: told, isDraining: draining.contains(found.name)) else { continue }
      if let error = refused[record.name] {
        verified.append(Verified(record: record, halt: .refused(error, backoff: settings.flow.haltBackoff)))
      }
      guard let comparison = comparisons[record.name] else { continue }
      guard let replacement = comparison.replacement(after: pendingReplacements.pending(of: found)) else {
        verified.append(Verified(record: record, halt: nil, stream: comparison.observed.stream))
        continue
      }
      if let lane = try await applyRewindPolicy(record, replacement, comparison, pendingReplacements.pending(of: found), settings) {
        verified.append(lane)
      }
    }
    return verified
  }

  /// What agents were told of these lanes. No lane is taken up before that is known, or a mark that is ahead of the ledger would stay: Redis
  /// ignores a lower one. Only marks that stand at another server than their lanes, which may be away for long, are done without.
  private func told(_ lanes: [String]) async throws -> [DurableMark?] {
    do {
      return try await source.marks(of: lanes)
    } catch {
      guard try await source.markServers(of: lanes) != source.servers(of: lanes) else { throw error }
      return lanes.map { _ in nil }
    }
  }

  /// The lane under an incarnation that agents take marks of. Nil where the lane was moved meanwhile, and where agents may have been told of
  /// its own transaction after the record was read.
  private func raised(_ record: LaneRecord, above told: DurableMark?, isDraining: Bool) async throws -> LaneRecord? {
    guard let told, let incarnation = record.incarnation(above: told) else { return record }
    guard !isDraining else { return nil }
    guard try await sink.raiseIncarnation(of: record, to: incarnation) else { return nil }
    await coordinator.perform { state, _ in state.raised(record, to: incarnation) }
    logger.log(
      .ledgerBehind,
      [
        .lane: "\(record.name)", .told: "\(told.durable) of incarnation \(told.incarnation)",
        .ledger: "\(record.cursor.position) of incarnation \(record.incarnation)", .incarnation: .number(incarnation),
        .reason: "Postgres is older than what agents were told: a backup was restored, or the last commits were lost",
        .effect: "the durable mark falls back, and what Redis still has behind it is read again",
      ])
    var raised = record
    raised.incarnation = incarnation
    return raised
  }

  /// What the policy wants with a stream that is another one. Nil where the lane was moved meanwhile.
  private func applyRewindPolicy(
    _ record: LaneRecord, _ replacement: StreamReplacement, _ comparison: StreamComparison, _ pending: PendingReplacements.Replacement?,
    _ settings: WorkerSettings
  ) async throws -> Verified? {
    let stream = comparison.observed.stream
    logger.log(
      .laneReplacement,
      [
        .lane: "\(record.name)", .cause: "\(replacement.cause.rawValue)", .incarnation: .number(record.incarnation),
        .atLeast: .number(replacement.atLeast), .policy: "\(settings.rewind.rawValue)",
      ])
    do {
      let start: LaneStart
      switch settings.rewind {
      case .halt:
        try await sink.recordBreak(record, replacement)
        return Verified(record: record, halt: .replacement(replacement), stream: stream)
      case .resume: start = .oldest
      case .reseed: start = .newest
      }
      try await sink.begin(NewIncarnation(after: record, replacement, start.begin(comparison, after: pending)))
    } catch let error as SinkError {
      guard case .fenced = error.kind else { throw error }
      return nil
    }
    metrics.broke(settings.lanes.profile(of: record.name)?.metricLabel ?? "other", replacement.cause)
    guard let next = try await sink.lanes(named: [record.name]).first(where: { $0.owner == record.owner }) else { return nil }
    await raiseMinimumID(next, stream)
    return Verified(record: next, halt: nil, stream: stream)
  }

  /// New ids shall follow all that were ever used: by their order readers know what came later. As far as Redis allows it.
  private func raiseMinimumID(_ record: LaneRecord, _ stream: StreamInfo?) async {
    guard let stream, stream.lastGeneratedID < record.furthest else { return }
    let isRaised = (try? await source.raiseMinimumID(record.name, to: record.furthest, for: record.installation)) ?? false
    if !isRaised {
      logger.log(
        .laneMinimumID,
        [
          .lane: "\(record.name)", .last: "\(stream.lastGeneratedID)", .floor: "\(record.furthest)",
          .reason: "XSETID was refused: new entries may get ids below those of entries that are in Postgres already",
        ])
    }
  }
}

extension LaneView.LastError {
  /// Redis refuses the lane's key. It is looked at again after a while, before anything is read.
  static func refused(_ error: SourceError, backoff: Duration) -> LaneView.LastError {
    LaneView.LastError(
      text: error.description, hint: "give the worker's user access to this stream, or remove the key", backoff: backoff)
  }

  fileprivate static func replacement(_ replacement: StreamReplacement) -> LaneView.LastError {
    LaneView.LastError(
      text: "the stream is not the one that was read: \(replacement.cause.rawValue)",
      hint: "look at it, then set `rewind: resume` or `reseed` and restart the worker")
  }
}
